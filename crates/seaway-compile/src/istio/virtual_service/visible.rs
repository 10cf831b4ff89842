//! `exportTo`: for which namespaces a VirtualService holds.
//!
//! In Istio it is the namespace of the proxy that counts. Seaway's gateway is in none, so at a Gateway it is that of the
//! Gateway object: who writes a Gateway decides which of the others' VirtualServices may be served there, and the others
//! decide which Gateways may serve theirs.

use seaway_api::istio::{VirtualService, Visibility};

/// Whether an object of `own` holds for `other`.
pub(super) fn to(service: &VirtualService, own: &str, other: &str) -> bool {
    service.export_to.is_empty()
        || service
            .export_to
            .iter()
            .any(|visibility| match &visibility.value {
                Visibility::All => true,
                Visibility::Own => own == other,
                Visibility::Nobody => false,
                Visibility::Namespace(name) => **name == *other,
            })
}
