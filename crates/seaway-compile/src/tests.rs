//! What holds of all dialects together: order, merging, reports, and that the order of the input does not matter.

mod longest;
mod order;
mod registry;
mod report;
mod shuffled;
