//! `/explain?method=&url=&header=Name: value&port=&source=`: the command line's `explain`, of the configuration that serves.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use seaway_route::{ExplainRequest, RouteTable};

/// What the query asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Question {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    port: Option<u16>,
    source: Option<IpAddr>,
}

/// The explanation as JSON, or what is wrong with the question.
pub(super) fn explain(table: &RouteTable, query: &str) -> Result<Vec<u8>, String> {
    let question = Question::parse(query)?;
    let url = question
        .url
        .ok_or("say which request: /explain?url=http://host/path&method=GET&header=Name:%20value")?;
    let method = question.method.as_deref().unwrap_or("GET");
    let request =
        ExplainRequest::parse(method, &url, question.headers, question.port).map_err(|e| e.to_string())?;
    let request = request.from_source(question.source);
    serde_json::to_vec(&seaway_route::explain(table, &request)).map_err(|e| e.to_string())
}

impl Question {
    fn parse(query: &str) -> Result<Self, String> {
        let mut question = Self::default();
        for (name, value) in pairs(query) {
            match name.as_str() {
                "method" => question.method = Some(value).filter(|v| !v.is_empty()),
                "url" => question.url = Some(value).filter(|v| !v.is_empty()),
                "port" if value.is_empty() => {}
                "port" => {
                    let port = value.parse().map_err(|_| format!("\"{value}\" is not a port"))?;
                    question.port = Some(port);
                }
                "source" if value.is_empty() => {}
                "source" => {
                    let source = value.parse();
                    question.source = Some(source.map_err(|_| format!("\"{value}\" is not an address"))?);
                }
                "header" if value.trim().is_empty() => {}
                "header" => {
                    let (name, value) = value
                        .split_once(':')
                        .ok_or_else(|| format!("the header \"{value}\" is not written as \"Name: value\""))?;
                    question.headers.push((name.to_owned(), value.trim().to_owned()));
                }
                other => {
                    return Err(format!(
                        "there is no parameter \"{other}\"; there are method, url, header, port and source"
                    ));
                }
            }
        }
        Ok(question)
    }
}

/// Names and values of a query, decoded as forms write them.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_as_a_form_is() {
        let question = Question::parse(
            "method=POST&url=http%3A%2F%2Fa%2Fb%3Fc%3D1&header=X-A:+1%2B1&header=x-b:2&port=8080&source=10.0.0.7",
        )
        .unwrap();
        assert_eq!(
            question,
            Question {
                method: Some("POST".into()),
                url: Some("http://a/b?c=1".into()),
                headers: vec![("X-A".into(), "1+1".into()), ("x-b".into(), "2".into())],
                port: Some(8080),
                source: Some(IpAddr::from([10, 0, 0, 7])),
            }
        );
    }

    #[test]
    fn a_parameter_that_does_not_exist_is_named() {
        let error = Question::parse("uri=http://a/").unwrap_err();
        assert!(error.contains("\"uri\"") && error.contains("url"), "{error}");
    }

    #[test]
    fn a_header_without_a_colon_is_refused() {
        assert!(Question::parse("header=x").is_err());
    }
}
