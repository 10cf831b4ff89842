//! The manifests of `examples/`, carried in the binary so that `seaway demo` works anywhere.

/// A file of `examples/`.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// `canary/route.yaml`
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! examples {
    ($($path:literal),* $(,)?) => {
        &[$(Example { path: $path, text: include_str!(concat!("../../../../examples/", $path)) }),*]
    };
}

/// All of them but the tutorial, whose files stand for each other. A test compares the list with the folder.
pub const EXAMPLES: &[Example] = examples![
    "canary/route.yaml",
    "canary/shop.yaml",
    "fault/route.yaml",
    "fault/shop.yaml",
    "ingress/ingress.yaml",
    "ingress/shop.yaml",
    "kalm/route.yaml",
    "kalm/shop.yaml",
    "mirror/route.yaml",
    "mirror/shop.yaml",
    "phones/route.yaml",
    "phones/shop.yaml",
    "resilience/route.yaml",
    "resilience/shop.yaml",
    "tls/route.yaml",
    "tls/shop.yaml",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn the_binary_carries_every_example() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        let mut found = BTreeSet::new();
        for folder in std::fs::read_dir(&root).expect("examples").flatten() {
            if folder.file_name() == "bookinfo" {
                continue;
            }
            for file in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
                let path = file.path();
                found.insert(
                    path.strip_prefix(&root)
                        .expect("below")
                        .to_string_lossy()
                        .into_owned(),
                );
            }
        }
        let carried: BTreeSet<_> = EXAMPLES.iter().map(|e| e.path.to_owned()).collect();
        assert_eq!(found, carried);
    }
}
