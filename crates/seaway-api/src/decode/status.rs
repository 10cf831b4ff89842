//! Statuses of HTTP.

use super::{Cx, Shape};
use crate::ProblemKind;
use crate::node::{Node, Value};

/// The statuses that redirect.
pub(crate) struct RedirectStatus;

impl Shape for RedirectStatus {
    type Out = u16;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<u16> {
        match &node.value {
            Value::Int(status @ (301 | 302 | 303 | 307 | 308)) => u16::try_from(*status).ok(),
            Value::Int(status) => {
                let message = format!("{status} is not a status that redirects");
                let help = "write 301, 302, 303, 307 or 308";
                cx.report(ProblemKind::InvalidValue, node.pos, message, help);
                None
            }
            _ => {
                cx.wrong_type(node, "a whole number");
                None
            }
        }
    }
    fn words(&self) -> String {
        "`301`, `302`, `303`, `307` or `308`".to_owned()
    }
    fn refused(&self) -> Vec<String> {
        ["200", "300", "304", "309", "400"].map(str::to_owned).into()
    }
}
