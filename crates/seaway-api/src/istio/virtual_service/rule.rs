//! Rules, each of which stands for itself.

use std::marker::PhantomData;
use std::sync::Arc;

use super::super::shapes::{DURATION, PERCENT};
use super::super::{Percentage, Text};
use super::action::{DESTINATIONS, check_action};
use super::traffic::ALL;
use super::{
    Cors, Delegate, DirectResponse, Fault, Headers, HttpMatch, Mirror, Redirect, Retries, Rewrite,
    StringMatch, WeightedDestination,
};
use crate::decode::{Cx, Decode, List, Nested, Percent, Shape, TEXT, at, obj, object};
use crate::node::{Node, Value};
use crate::{Fate, ProblemKind, Spanned};

/// A rule `T`, or what is left of one that is wrong. `M` is one of its matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule<T, M> {
    /// As it is written.
    Valid(Box<T>),
    /// It takes its requests and answers 500: passing them on to later rules would send them where nobody meant.
    Invalid(InvalidRule<M>),
}

/// What is left of a rule that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRule<M> {
    /// Its name, if it could be read.
    pub name: Option<Text>,
    /// What is wrong with it first: field and message, without a full stop.
    pub reason: Arc<str>,
    /// Which requests it takes, any of these; empty for all. `None` when it says which, and none of it could be read, or
    /// when it would have to say: then it takes nothing, so that the others serve.
    pub matches: Option<Vec<Spanned<M>>>,
}

/// A list of rules, each of which stands for itself.
pub(super) struct Rules<T, M> {
    /// Whether a rule without matches takes nothing, and not everything.
    needs_matches: bool,
    out: PhantomData<fn() -> (T, M)>,
}

/// A list of rules, each of which stands for itself. One that has no match takes everything.
pub(super) const fn rules<T, M>() -> Rules<T, M> {
    Rules {
        needs_matches: false,
        out: PhantomData,
    }
}

/// A list of rules, each of which stands for itself and must say what it takes.
pub(super) const fn matching_rules<T, M>() -> Rules<T, M> {
    Rules {
        needs_matches: true,
        out: PhantomData,
    }
}

impl<T: Decode, M: Decode> Shape for Rules<T, M> {
    type Out = Vec<Spanned<Rule<T, M>>>;
    fn decode(&self, cx: &mut Cx, node: &Node<'_>) -> Option<Self::Out> {
        let Value::Seq(items) = &node.value else {
            cx.wrong_type(node, "a list");
            return None;
        };
        let read = |(index, item)| {
            let rule = cx.within_item(index, |cx| rule(cx, item, self.needs_matches));
            Spanned::new(rule, item.pos)
        };
        Some(items.iter().enumerate().map(read).collect())
    }
    fn words(&self) -> String {
        "list of: mapping".to_owned()
    }
    fn nested(&self) -> Option<Nested> {
        Some(("[]", T::describe))
    }
}

fn rule<T: Decode, M: Decode>(cx: &mut Cx, node: &Node<'_>, needs_matches: bool) -> Rule<T, M> {
    let first = cx.problems.len();
    let reason = match cx.contained(Fate::Fails, |cx| T::decode(cx, node)) {
        Ok(rule) => return Rule::Valid(Box::new(rule)),
        Err(reason) => reason,
    };
    let matches = cx
        .silently(|cx| matches(cx, node))
        .filter(|matches| !(needs_matches && matches.is_empty()));
    let match_path = format!("{}.match[", cx.path());
    cx.decide(first, |field| match &matches {
        None => Fate::RuleTakesNothing,
        Some(_) if field.starts_with(&match_path) => Fate::MatchTakesNothing,
        Some(_) => Fate::Fails,
    });
    Rule::Invalid(InvalidRule {
        name: cx.silently(|cx| cx.optional(node, &["name"], &TEXT)).flatten(),
        reason,
        matches,
    })
}

/// The matches of a rule, without those that are wrong themselves: a match of which a condition could not be read would
/// take more than was meant.
fn matches<M: Decode>(cx: &mut Cx, node: &Node<'_>) -> Option<Vec<Spanned<M>>> {
    let Some(entry) = cx.entry(node, "match") else {
        // A rule that is no mapping says nothing of what it takes.
        return matches!(node.value, Value::Map(_)).then(Vec::new);
    };
    let Value::Seq(items) = &entry.value.value else {
        return None;
    };
    let read: Vec<Spanned<M>> = items
        .iter()
        .filter_map(|item| {
            let sound = cx
                .contained(Fate::MatchTakesNothing, |cx| M::decode(cx, item))
                .ok()?;
            Some(Spanned::new(sound, item.pos))
        })
        .collect();
    (items.is_empty() || !read.is_empty()).then_some(read)
}

object! {
    /// What is done with some of the requests: exactly one of `route`, `redirect`, `directResponse` and `delegate`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct HttpRule {
        /// A name for messages and logs.
        name: Option<Text> = "name", optional, TEXT;
        /// Which requests; any of these.
        matches: Vec<Spanned<HttpMatch>> = "match", default(Vec::new(), "every request"), List(at(obj()));
        /// Where they go, by weight.
        route: Vec<Spanned<WeightedDestination>> = "route", default(Vec::new(), "none"), DESTINATIONS;
        /// Answer with a redirect.
        redirect: Option<Spanned<Redirect>> = "redirect", optional, at(obj());
        /// Answer here.
        direct_response: Option<Spanned<DirectResponse>> = "directResponse", optional, at(obj());
        /// Let the rules of another VirtualService decide.
        delegate: Option<Spanned<Delegate>> = "delegate", optional, at(obj());
        /// Change path and host before forwarding.
        rewrite: Option<Spanned<Rewrite>> = "rewrite", optional, at(obj());
        /// How long the whole request may take, retries included.
        timeout: Option<Spanned<u64>> = "timeout", optional, DURATION;
        /// When to try a request again. Without it: twice, on `connect-failure`, `refused-stream`, `unavailable` and
        /// `cancelled`.
        retries: Option<Spanned<Retries>> = "retries", optional, at(obj());
        /// Delay requests, or answer them with an error. A rule with a fault has neither timeout nor retries.
        fault: Option<Spanned<Fault>> = "fault", optional, at(obj());
        /// Send a copy there, and ignore the answer.
        mirror: Option<Spanned<super::Destination>> = "mirror", optional, at(obj());
        /// How many of the requests are copied to `mirror`.
        mirror_percentage: Option<Percentage> = "mirrorPercentage", optional, PERCENT;
        /// The same, in the older form.
        mirror_percent: Option<Percentage> = "mirrorPercent", optional, at(Percent);
        /// Send copies to several places.
        mirrors: Vec<Spanned<Mirror>> = "mirrors", default(Vec::new(), "none"), List(at(obj()));
        /// Answer cross-origin preflights, and name the allowed origins.
        cors_policy: Option<Spanned<Cors>> = "corsPolicy", optional, at(obj());
        /// Change headers on the way there and on the way back.
        headers: Option<Spanned<Headers>> = "headers", optional, at(obj());
    }
    finish check_rule;
}

impl HttpRule {
    /// Where copies go, and how many, in whichever form it is written.
    #[must_use]
    pub fn copies(&self) -> Vec<Mirror> {
        let single = self.mirror.as_ref().map(|destination| Mirror {
            destination: destination.clone(),
            percentage: self
                .mirror_percentage
                .clone()
                .or_else(|| self.mirror_percent.clone())
                .unwrap_or(Spanned::unwritten(ALL)),
        });
        let several = self.mirrors.iter().map(|mirror| mirror.value.clone());
        single.into_iter().chain(several).collect()
    }
}

fn check_rule(rule: HttpRule, cx: &mut Cx, node: &Node<'_>) -> Option<HttpRule> {
    check_action(cx, node);
    check_prefix_rewrite(&rule, cx);
    let rewritten = rule
        .rewrite
        .as_ref()
        .and_then(|rewrite| rewrite.authority.as_ref());
    if let (Some(_), Some(host)) = (
        rewritten,
        rule.headers.as_ref().and_then(|headers| headers.host.as_ref()),
    ) {
        let message = "the host is set here and in \"rewrite\"";
        let help = "keep one of the two";
        cx.report_in("headers", ProblemKind::ConflictingFields, host.pos, message, help);
    }
    cx.refuse_both(node, "mirror", "mirrors", "write all of them into \"mirrors\"");
    cx.refuse_both(
        node,
        "mirrorPercentage",
        "mirrorPercent",
        "keep \"mirrorPercentage\"",
    );
    if rule.mirror.is_none() {
        cx.ignored(node, "mirrorPercentage", "without \"mirror\"");
        cx.ignored(node, "mirrorPercent", "without \"mirror\"");
    }
    Some(rule)
}

/// A prefix can be replaced only where one was matched.
fn check_prefix_rewrite(rule: &HttpRule, cx: &mut Cx) {
    let prefix = rule
        .redirect
        .as_ref()
        .and_then(|redirect| redirect.prefix_rewrite.as_ref());
    let is_whole = |uri: &Spanned<StringMatch>| !matches!(uri.value, StringMatch::Prefix(_));
    if let Some(prefix) = prefix
        && rule
            .matches
            .iter()
            .filter_map(|one| one.uri.as_ref())
            .any(is_whole)
    {
        let message = "\"prefixRewrite\" with a match that is for no prefix of the path";
        let help = "match \"uri\" by prefix, or write \"uri\" here";
        cx.within("redirect", |cx| {
            cx.report_in(
                "prefixRewrite",
                ProblemKind::ConflictingFields,
                prefix.pos,
                message,
                help,
            );
        });
    }
}
