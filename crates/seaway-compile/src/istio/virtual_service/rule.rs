//! One rule for requests: compiled once, and then made into routes wherever it is served.

use std::sync::Arc;

use seaway_api::istio::{HttpMatch, HttpRule, RedirectPort};
use seaway_api::{Pos, Spanned};
use seaway_model::{
    Action, Conditions, Cors, Fault, HeaderMutation, Match, Mirror, Origin, PathMatch, Route,
};

use super::action::{self, Place};
use super::delegate::Written;
use super::matching::{self, Holds};
use super::policy;
use crate::findings::{Findings, Reporter, place};
use crate::resolve::Resolver;
use crate::unreachable::takes_every_path;

/// What the alternatives of a rule have in common.
#[derive(Debug)]
struct Common {
    rule: u32,
    cors: Option<Box<Cors>>,
    fault: Option<Box<Fault>>,
    request_headers: HeaderMutation,
    response_headers: HeaderMutation,
    mirrors: Vec<Mirror>,
    action: Action,
    derive: Option<RedirectPort>,
}

/// One of the matches of a rule, with what the rule does.
#[derive(Clone, Debug)]
pub(crate) struct Alternative {
    /// `spec.http[0].match[0]` of the object that the rule is written in.
    pub(crate) origin: Origin,
    /// Where that stands.
    pub(crate) pos: Pos,
    /// What is asked of a request.
    pub(crate) conditions: Conditions,
    /// Where it holds.
    pub(crate) holds: Holds,
    common: Arc<Common>,
    /// The route, where it is the same on every listener.
    made: Arc<Route>,
}

impl Alternative {
    /// Whether it takes every request, so that nothing after it in its VirtualService gets any.
    pub(crate) fn takes_everything(&self) -> bool {
        let Conditions {
            path,
            methods,
            headers,
            query,
            cookies,
            sources,
        } = &self.conditions;
        takes_every_path(path)
            && methods.is_empty()
            && headers.is_empty()
            && query.is_empty()
            && cookies.is_empty()
            && sources.is_none()
            && self.holds.is_everywhere()
    }

    /// The route on a listener.
    pub(crate) fn route(&self, scheme: &str, port: u16) -> Arc<Route> {
        let Some(derive) = self.common.derive else {
            return self.made.clone();
        };
        let mut route = (*self.made).clone();
        if let Action::Redirect(redirect) = &mut route.action {
            match derive {
                RedirectPort::FromRequestPort => redirect.port = Some(port),
                // A scheme brings its own port, and the listener knows which it is.
                RedirectPort::FromProtocolDefault => {
                    redirect.scheme.get_or_insert_with(|| scheme.into());
                }
            }
        }
        Arc::new(route)
    }

    /// The same with other conditions.
    pub(crate) fn with(&self, conditions: Conditions) -> Self {
        let made = Arc::new(Route {
            matches: Match::When(conditions.clone()),
            ..(*self.made).clone()
        });
        Self {
            conditions,
            made,
            ..self.clone()
        }
    }
}

/// Compiles a rule. What is wrong with it is reported and is what it then answers; a match that is wrong takes nothing.
pub(super) fn compile(
    written: &Written<'_>,
    resolver: &mut Resolver<'_>,
    findings: &mut Findings,
) -> Vec<Alternative> {
    let Some(matches) = &written.matches else {
        return Vec::new();
    };
    let field = format!("spec.http[{}]", written.index);
    let mut reporter = Reporter::new(&written.origin, findings);
    let mut sound = Vec::new();
    if matches.is_empty() {
        sound.push((
            field.clone(),
            written.pos,
            Conditions::default(),
            Holds::everywhere(),
        ));
    }
    for (index, one) in matches.iter().enumerate() {
        let field = format!("{field}.match[{index}]");
        if let Some((conditions, holds)) = alternative(one, &field, &mut reporter) {
            sound.push((field, one.pos, conditions, holds));
        }
    }
    let bad_match = reporter.left_out();
    let common = Arc::new(match &written.action {
        Err(reason) => Common::failing(written, reason.clone()),
        Ok(rule) => {
            let common = Common::new(written, rule, &field, resolver, &mut reporter);
            if bad_match || reporter.left_out() {
                Common::failing(written, "a part of this rule is not valid".into())
            } else {
                common
            }
        }
    });
    sound
        .into_iter()
        .map(|(field, pos, conditions, holds)| Alternative {
            made: Arc::new(common.route(place(&written.origin, &field, pos), &conditions)),
            origin: place(&written.origin, &field, pos),
            pos,
            conditions,
            holds,
            common: common.clone(),
        })
        .collect()
}

fn alternative(
    one: &Spanned<HttpMatch>,
    field: &str,
    reporter: &mut Reporter<'_>,
) -> Option<(Conditions, Holds)> {
    let conditions = matching::conditions(one, field, reporter);
    let holds = matching::holds(one, field, reporter);
    Some((conditions?, holds?))
}

impl Common {
    fn new(
        written: &Written<'_>,
        rule: &HttpRule,
        field: &str,
        resolver: &mut Resolver<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Self {
        let namespace = written.origin.namespace.clone();
        let place = Place {
            field,
            namespace: &namespace,
        };
        let (action, derive) = action::action(rule, place, resolver, reporter);
        let (request_headers, response_headers) = action::headers(rule);
        let cors = (rule.cors_policy.as_ref())
            .and_then(|cors| policy::cors(cors, &format!("{field}.corsPolicy"), reporter))
            .map(Box::new);
        let mirrors = match &action {
            Action::Forward(_) => action::mirrors(rule, place, resolver, reporter),
            _ => Vec::new(),
        };
        Self {
            rule: number(written),
            cors,
            fault: (rule.fault.as_ref())
                .and_then(|fault| policy::fault(fault))
                .map(Box::new),
            request_headers,
            response_headers,
            mirrors,
            action,
            derive,
        }
    }

    fn failing(written: &Written<'_>, reason: Arc<str>) -> Self {
        Self {
            rule: number(written),
            cors: None,
            fault: None,
            request_headers: HeaderMutation::default(),
            response_headers: HeaderMutation::default(),
            mirrors: Vec::new(),
            action: action::failing(reason),
            derive: None,
        }
    }

    fn route(&self, origin: Origin, conditions: &Conditions) -> Route {
        Route {
            origin,
            rule: self.rule,
            matches: Match::When(conditions.clone()),
            cors: self.cors.clone(),
            fault: self.fault.clone(),
            request_headers: self.request_headers.clone(),
            response_headers: self.response_headers.clone(),
            mirrors: self.mirrors.clone(),
            action: for_path(&self.action, &conditions.path),
        }
    }
}

fn number(written: &Written<'_>) -> u32 {
    u32::try_from(written.index).unwrap_or(u32::MAX)
}

/// A prefix that becomes `/` where everything matches changes nothing, and is left out so that the model shows that.
fn for_path(action: &Action, path: &PathMatch) -> Action {
    use seaway_model::PathRewrite;
    let mut action = action.clone();
    if let Action::Forward(forward) = &mut action
        && *path == PathMatch::Any
        && matches!(&forward.rewrite.path, Some(PathRewrite::Prefix(text)) if **text == *"/")
    {
        forward.rewrite.path = None;
    }
    action
}
