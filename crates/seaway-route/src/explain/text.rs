//! An explanation for people.

use std::fmt;

use seaway_model::{EndpointSource, HashOn};

use super::answer::{
    ActionKind, DestinationShare, Explanation, HeaderChanges, Mode, RouteRef, UpstreamRequest,
};

/// Several lines, the last without its end.
impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action_line(f)?;
        if let Some(because) = &self.because {
            line(f, "because", format_args!("{because}"))?;
        }
        if let Some(listener) = self.listener {
            line(f, "listener", format_args!("{listener}"))?;
        }
        if let Some(host) = self.virtual_host {
            line(f, "virtual host", format_args!("{host}"))?;
        }
        if let Some(route) = &self.route {
            line(f, "route", format_args!("{route}"))?;
        }
        self.forward_lines(f)?;
        self.fault_lines(f)?;
        self.considered_lines(f)
    }
}

fn line(f: &mut fmt::Formatter<'_>, label: &str, text: fmt::Arguments<'_>) -> fmt::Result {
    write!(f, "\n{label:<14}{text}")
}

impl Explanation<'_> {
    fn action_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<14}", "action")?;
        match (self.action, &self.respond, &self.redirect) {
            (ActionKind::Forward, ..) => match self.mode {
                None => f.write_str("forward"),
                Some(Mode::Tcp) => f.write_str("forward, as bytes"),
                Some(Mode::Udp) => f.write_str("forward, as datagrams"),
                Some(Mode::Passthrough) => f.write_str("forward, TLS untouched"),
                Some(Mode::Terminate) => f.write_str("forward, what is inside TLS as bytes"),
            },
            (ActionKind::Fail, None, _) => f.write_str("fail, the connection is closed"),
            (ActionKind::None, ..) => f.write_str("none"),
            (ActionKind::Redirect, _, Some(to)) => write!(f, "redirect, {} to {}", to.status, to.location),
            (ActionKind::Fail, Some(answer), _) => write!(f, "fail, {} ({})", answer.status, answer.reason),
            (_, Some(answer), _) => write!(f, "respond, {} ({})", answer.status, answer.reason),
            _ => f.write_str("respond"),
        }
    }

    fn forward_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for destination in &self.destinations {
            line(f, "destination", format_args!("{destination}"))?;
            if let Some(policies) = destination
                .policies
                .map(|p| p.to_string())
                .filter(|p| !p.is_empty())
            {
                line(f, "  with", format_args!("{policies}"))?;
            }
            if let Some(own) = destination.request_headers {
                let mut changes = HeaderChanges::default();
                changes.then(own);
                line(f, "  and", format_args!("{changes}"))?;
            }
        }
        for on in self.hash_on {
            line(f, "hash on", format_args!("{}", Hashed(on)))?;
        }
        if let Some(upstream) = &self.upstream_request {
            line(f, "upstream gets", format_args!("{upstream}"))?;
        }
        for mirror in &self.mirrors {
            line(
                f,
                "mirror",
                format_args!("{}% to {}", mirror.percentage, mirror.cluster),
            )?;
        }
        if let Some(timeout) = self.timeout_ms {
            line(f, "timeout", format_args!("{timeout} ms"))?;
        }
        if let Some(timeout) = self.idle_timeout_ms {
            line(f, "idle timeout", format_args!("{timeout} ms"))?;
        }
        if let Some(retries) = &self.retries {
            line(f, "retries", format_args!("{}", retries.attempts))?;
            if let Some(timeout) = retries.per_try_timeout_ms {
                write!(f, ", {timeout} ms each")?;
            }
        }
        Ok(())
    }

    fn fault_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(fault) = &self.fault else { return Ok(()) };
        if let Some(delay) = fault.delay {
            line(
                f,
                "delay",
                format_args!("{}% by {} ms", delay.percentage, delay.delay_ms),
            )?;
        }
        if let Some(abort) = fault.abort {
            line(
                f,
                "abort",
                format_args!("{}% with {}", abort.percentage, abort.status),
            )?;
        }
        Ok(())
    }

    fn considered_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for considered in &self.considered {
            let label = if considered.matched { "taken by" } else { "not by" };
            line(
                f,
                label,
                format_args!("{}: {}", considered.route, considered.because),
            )?;
        }
        if self.considered_more > 0 {
            line(f, "not by", format_args!("{} more routes", self.considered_more))?;
        }
        Ok(())
    }
}

/// `header x-user`
struct Hashed<'a>(&'a HashOn);

impl fmt::Display for Hashed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            HashOn::Header(name) => write!(f, "header {name}"),
            HashOn::Cookie(name) => write!(f, "cookie {name}"),
            HashOn::GeneratedCookie(made) => write!(f, "cookie {}, made where it is missing", made.name),
            HashOn::Query(name) => write!(f, "query parameter {name}"),
            HashOn::SourceIp => f.write_str("the client's address"),
        }
    }
}

/// `HttpRoute shop/shop, rule 0 (shop.yaml:7)`
impl fmt::Display for RouteRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, rule {}", self.origin, self.rule)?;
        match &self.origin.position {
            Some(position) => write!(f, " ({}:{})", position.file, position.line),
            None => Ok(()),
        }
    }
}

/// `95% to shop/shop:8080/v1 (10.0.0.1:8080)`
impl fmt::Display for DestinationShare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Four decimals tell one in a million, and hide what binary fractions cannot say.
        write!(f, "{}% ", (self.share * 1_000_000.0).round() / 10_000.0)?;
        if let Some(fail) = self.fail {
            return write!(
                f,
                "fail with {} ({}): {}",
                fail.status,
                fail.reason.as_str(),
                fail.message
            );
        }
        write!(f, "to {}", self.cluster.unwrap_or_default())?;
        if let Some(EndpointSource::Dns(_) | EndpointSource::LogicalDns(_)) = self.endpoints.0 {
            return f.write_str(" (by DNS)");
        }
        let addresses = self.endpoints.addresses();
        if addresses.is_empty() {
            return f.write_str(" (no endpoints)");
        }
        f.write_str(" (")?;
        for (number, address) in addresses.iter().enumerate() {
            write!(f, "{}{address}", if number > 0 { ", " } else { "" })?;
        }
        f.write_str(")")
    }
}

/// `GET /cart, host shop.example.com, header x-a set to "1"`
impl fmt::Display for UpstreamRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, host {}", self.method, self.path, self.host)?;
        let HeaderChanges {
            headers_set,
            headers_added,
            headers_removed,
        } = &self.headers;
        if headers_set.is_empty() && headers_added.is_empty() && headers_removed.is_empty() {
            return Ok(());
        }
        write!(f, ", {}", self.headers)
    }
}

/// `header x-a set to "1", header x-b removed`
impl fmt::Display for HeaderChanges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut joint = "";
        for name in &self.headers_removed {
            write!(f, "{joint}header {name} removed")?;
            joint = ", ";
        }
        for (name, value) in &self.headers_set {
            write!(f, "{joint}header {name} set to {value:?}")?;
            joint = ", ";
        }
        for (name, value) in &self.headers_added {
            write!(f, "{joint}header {name} added with {value:?}")?;
            joint = ", ";
        }
        Ok(())
    }
}
