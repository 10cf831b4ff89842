//! From nodes to types.
//!
//! A kind is declared once, with [`object!`]: its struct, how each field is written, and its reference documentation
//! come from the same lines, so that none of the three can forget a field. A [`Shape`] reads one value; shapes are put
//! together like the types they give.
//!
//! Every mistake of an object is collected, not only the first. A shape that cannot give a value reports why and gives
//! `None`; whether an object is used is decided at its end, by what was reported.

mod context;
mod duration;
mod object;
mod shapes;
mod status;
mod suggest;
pub(crate) mod syntax;

pub(crate) use context::{Cx, Identity};
pub(crate) use duration::{Duration, Percent, ProtoDuration};
pub(crate) use object::{Decode, FieldShape, Nested, ObjectShape, object, optional_of, shape_of};
pub(crate) use shapes::{
    At, Int, Invalid, LabelMap, List, OneOf, Parsed, Quoted, Shape, SoundOnes, Str, TEXT, TRUE_FALSE,
    TextMap, Uint, Via, at, boxed, obj,
};
pub(crate) use status::RedirectStatus;
pub(crate) use suggest::nearest;

/// Which group an object is in, where that changes what its fields mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Group {
    /// `seaway.dev`, and Kubernetes' own groups.
    #[default]
    Plain,
    /// `core.kalm.dev`.
    Kalm,
    /// `networking.istio.io`, whose objects are protobuf messages in JSON.
    Istio,
}

#[cfg(test)]
mod tests;
