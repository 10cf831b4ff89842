//! Values with a form of their own: how each is written, and what somebody is told who writes it otherwise.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// `80:8080`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortMapping {
    /// In the manifests.
    pub configured: u16,
    /// On the machine.
    pub bound: u16,
}

impl FromStr for PortMapping {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |part: &str| {
            part.parse()
                .map_err(|_| format!("\"{part}\" is not a port number"))
        };
        let (configured, bound) = text
            .split_once(':')
            .ok_or("write it as CONFIGURED:BOUND, for example 80:8080")?;
        Ok(Self {
            configured: parse(configured)?,
            bound: parse(bound)?,
        })
    }
}

/// `--admin`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin {
    /// Nowhere.
    Off,
    /// Here.
    On(SocketAddr),
}

impl FromStr for Admin {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse()
            .map(Self::On)
            .map_err(|_| "write ADDR:PORT, for example 127.0.0.1:9901, or off".to_owned())
    }
}

/// `10.0.0.0/8`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(pub IpAddr, pub u8);

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("\"{address}\" is not an IP address"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|b| *b <= most)
                .ok_or_else(|| format!("\"/{bits}\" is not between /0 and /{most}"))?,
        };
        Ok(Self(address, bits))
    }
}

/// Any format of the access log, as it was written; whether it can be used is known before anything is started.
pub(super) fn parse_log_format(text: &str) -> Result<String, String> {
    seaway_telemetry::LogFormat::parse_option(text)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

/// What may be added to any moment.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// `15s`, `200ms`, `1m30s`, `2h`; a bare number is seconds.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    const HELP: &str = "write a time as 15s, 200ms, 1m30s or 2h";
    let sensible = |time: Duration| {
        let fits = Some(time).filter(|time| *time <= LONGEST);
        fits.ok_or_else(|| "a time is a hundred years at most".to_owned())
    };
    if let Ok(seconds) = text.parse::<u64>() {
        return sensible(Duration::from_secs(seconds));
    }
    if text.is_empty() {
        return Err(HELP.to_owned());
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(HELP)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: f64 = number.parse().map_err(|_| HELP)?;
        let seconds = match unit {
            "ms" => number / 1000.0,
            "s" => number,
            "m" => number * 60.0,
            "h" => number * 3600.0,
            _ => return Err(HELP.to_owned()),
        };
        let part = Duration::try_from_secs_f64(seconds).map_err(|_| HELP)?;
        total = sensible(total.saturating_add(part))?;
        rest = tail;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(parse_duration("15"), Ok(Duration::from_secs(15)));
        assert!(parse_duration("15 parsecs").is_err());
        assert!(parse_duration("876000h").is_ok());
        for endless in [
            "18446744073709551615",
            "10000000000000000000s10000000000000000000s",
            "876001h",
        ] {
            assert!(parse_duration(endless).is_err(), "{endless}");
        }
        assert!(parse_duration("").is_err());
    }

    #[test]
    fn a_port_mapping_needs_both_ports() {
        assert_eq!(
            "80:0".parse(),
            Ok(PortMapping {
                configured: 80,
                bound: 0
            })
        );
        assert!("80".parse::<PortMapping>().is_err());
        assert!("80:70000".parse::<PortMapping>().is_err());
    }

    #[test]
    fn a_network_has_no_more_bits_than_its_address() {
        assert_eq!("10.0.0.0/8".parse(), Ok(Network(IpAddr::from([10, 0, 0, 0]), 8)));
        assert!("10.0.0.0/33".parse::<Network>().is_err());
    }
}
