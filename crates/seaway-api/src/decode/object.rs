//! The declaration of objects.

use std::marker::PhantomData;

use super::{Cx, Shape};
use crate::node::Node;

/// The object in a value: how it is reached (`[]` for items of a list), and what it is.
pub(crate) type Nested = (&'static str, fn() -> ObjectShape);

/// A type that a mapping is read into.
pub(crate) trait Decode: Sized {
    /// Reads the mapping. `None` when it could not be read, which was then reported.
    fn decode(cx: &mut Cx, node: &Node<'_>) -> Option<Self>;
    /// Its fields, for the reference.
    fn describe() -> ObjectShape;
}

/// An object as the reference shows it.
pub(crate) struct ObjectShape {
    /// What it is, in a sentence.
    pub doc: String,
    /// In the order of declaration.
    pub fields: Vec<FieldShape>,
    /// Fields that exist and are warned of.
    pub unimplemented: &'static [&'static str],
}

/// A field as the reference shows it.
pub(crate) struct FieldShape {
    /// As written.
    pub name: &'static str,
    /// Other names that are read.
    pub also: &'static [&'static str],
    /// Its type in words.
    pub words: String,
    /// Whether it has to be there.
    pub required: bool,
    /// What it is when it is absent, in words.
    pub default: Option<&'static str>,
    /// What it does.
    pub doc: String,
    /// The object in it, if it holds any.
    pub nested: Option<Nested>,
    /// As [`Shape::refused`] says.
    pub refused: Vec<String>,
}

/// A shape, where the type of its field is all that says what it reads.
pub(crate) fn shape_of<S: Shape>(shape: S, _: PhantomData<S::Out>) -> S {
    shape
}

/// The same for a field that may be absent.
pub(crate) fn optional_of<S: Shape>(shape: S, _: PhantomData<Option<S::Out>>) -> S {
    shape
}

/// Declares a struct with the way each of its fields is written.
///
/// ```text
/// object! {
///     /// What it is.
///     #[derive(Clone, Debug)]
///     pub struct Delay {
///         /// What it does.
///         delay: Spanned<u64> = "delay" | "delaySeconds", required, at(Duration);
///         percentage: Spanned<u32> = "percentage", default(Spanned::unwritten(1_000_000u32), "100"), at(Percent);
///         note: Option<Text> = "note", optional, TEXT;
///     }
///     known ["fields", "that", "exist", "and", "are", "not", "used"];   // or `unknown fine;`
///     unimplemented ["fields", "that", "are", "warned", "of"];
///     check look_at_the_node;     // fn(&mut Cx, &Node), always called
///     finish settle;              // fn(Self, &mut Cx, &Node) -> Option<Self>, called if every field could be read
/// }
/// ```
macro_rules! object {
    (
        $(#[doc = $about:literal])*
        #[derive($($derive:ident),* $(,)?)]
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $field:ident: $ty:ty = $key:literal $(| $also:literal)*, $presence:ident $(($default:expr, $words:literal))?,
                    $shape:expr;
            )*
        }
        $(known [$($known:literal),* $(,)?];)?
        $(unimplemented [$($missing:literal),* $(,)?];)?
        $(unknown $open:ident;)?
        $(check $check:path;)?
        $(finish $finish:path;)?
    ) => {
        $(#[doc = $about])*
        #[derive($($derive),*)]
        $vis struct $name {
            $($(#[doc = $doc])* $vis $field: $ty,)*
        }

        impl $crate::decode::Decode for $name {
            fn decode(cx: &mut $crate::decode::Cx, node: &$crate::node::Node<'_>) -> Option<Self> {
                const FIELDS: &[&str] = &[$($key, $($also,)*)*];
                let _entries = cx.mapping(node)?;
                const UNIMPLEMENTED: &[&str] = &[$($($missing,)*)?];
                $crate::decode::object!(@unknown cx, _entries, FIELDS, UNIMPLEMENTED $(, known $($known)*)? $(, $open)?);
                cx.warn_unimplemented(node, UNIMPLEMENTED);
                $($check(cx, node);)?
                $(
                    let $field = $crate::decode::object!(
                        @field cx, node, &[$key $(, $also)*], &$shape, $presence $(($default))?
                    );
                )*
                let read = Self { $($field: $field?,)* };
                $(let read = $finish(read, cx, node)?;)?
                Some(read)
            }

            fn describe() -> $crate::decode::ObjectShape {
                $crate::decode::ObjectShape {
                    doc: concat!($($about),*).trim().to_owned(),
                    fields: vec![$({
                        let shape = $crate::decode::object!(@typed $shape, $ty, $presence);
                        $crate::decode::FieldShape {
                            name: $key,
                            also: &[$($also),*],
                            words: $crate::decode::Shape::words(&shape),
                            required: $crate::decode::object!(@required $presence),
                            default: $crate::decode::object!(@default $($words)?),
                            doc: concat!($($doc),*).trim().to_owned(),
                            nested: $crate::decode::Shape::nested(&shape),
                            refused: $crate::decode::Shape::refused(&shape),
                        }
                    }),*],
                    unimplemented: &[$($($missing),*)?],
                }
            }
        }
    };

    (@unknown $cx:ident, $entries:ident, $fields:ident, $missing:ident) => {
        $cx.warn_unknown($entries, &[$fields, $missing])
    };
    (@unknown $cx:ident, $entries:ident, $fields:ident, $missing:ident, known $($known:literal)*) => {
        $cx.warn_unknown($entries, &[$fields, $missing, &[$($known),*]])
    };
    (@unknown $cx:ident, $entries:ident, $fields:ident, $missing:ident, fine) => { let _ = $fields; };

    (@field $cx:ident, $node:ident, $names:expr, $shape:expr, required) => { $cx.required($node, $names, $shape) };
    (@field $cx:ident, $node:ident, $names:expr, $shape:expr, optional) => { $cx.optional($node, $names, $shape) };
    (@field $cx:ident, $node:ident, $names:expr, $shape:expr, default($default:expr)) => {
        $cx.or_default($node, $names, $shape, || $default)
    };

    (@typed $shape:expr, $ty:ty, optional) => {
        $crate::decode::optional_of($shape, std::marker::PhantomData::<$ty>)
    };
    (@typed $shape:expr, $ty:ty, $other:ident) => { $crate::decode::shape_of($shape, std::marker::PhantomData::<$ty>) };

    (@required required) => { true };
    (@required $other:ident) => { false };
    (@default) => { None };
    (@default $words:literal) => { Some($words) };
}
pub(crate) use object;
