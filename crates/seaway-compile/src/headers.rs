//! Changes to headers, as every dialect writes them: names in any case, in any order.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaway_api::Spanned;
use seaway_model::{FieldChanges, HeaderMutation};

/// Names in lower case and sorted, so that equal changes are an equal model; each name is removed once.
pub(crate) fn mutation(
    set: &BTreeMap<Arc<str>, Spanned<Arc<str>>>,
    add: &BTreeMap<Arc<str>, Spanned<Arc<str>>>,
    remove: &[Spanned<Arc<str>>],
) -> HeaderMutation {
    let mut remove: Vec<Arc<str>> = remove
        .iter()
        .map(|name| name.to_ascii_lowercase().into())
        .collect();
    remove.sort();
    remove.dedup();
    let changes = FieldChanges {
        set: fields(set),
        add: fields(add),
        remove,
    };
    changes.into()
}

fn fields(map: &BTreeMap<Arc<str>, Spanned<Arc<str>>>) -> Vec<(Arc<str>, Arc<str>)> {
    let field = |(name, value): (&Arc<str>, &Spanned<Arc<str>>)| {
        (name.to_ascii_lowercase().into(), value.value.clone())
    };
    let mut fields: Vec<(Arc<str>, Arc<str>)> = map.iter().map(field).collect();
    fields.sort();
    fields
}
