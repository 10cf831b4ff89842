use super::*;
use crate::{ConnectionRecord, Flag, RequestRecord, fixture};

fn line<'l, 'r: 'l>(format: &str, logged: impl Into<Logged<'l, 'r>>) -> String {
    let mut out = String::new();
    format
        .parse::<LogFormat>()
        .unwrap()
        .write(logged.into(), &mut out);
    out
}

#[test]
fn the_text_format_is_a_valid_format() {
    assert!(parse(TEXT).is_ok());
}

#[test]
fn a_text_line_reads_as_istios_does() {
    let cluster = fixture::service_cluster("shop", "store", None);
    let route = fixture::route();
    let record = RequestRecord {
        cluster: Some(&cluster),
        route: Some(&route),
        ..fixture::record()
    };
    assert_eq!(
        line("text", &record),
        "[2023-11-14T22:13:20.123Z] \"GET /cart?x=1 HTTP/1.1\" 200 - - 10 2000 12 9 \"192.0.2.1\" \"curl/8\" \"id-1\" \
         \"shop.example.com\" \"10.0.0.1:8080\" store/shop:80 127.0.0.1:4000 - HttpRoute/store/shop/3 \"-\"\n"
    );
}

#[test]
fn a_json_line_has_every_key_in_order() {
    let route = fixture::route();
    let record = RequestRecord {
        route: Some(&route),
        flags: &[Flag::NoHealthyUpstream, Flag::DelayInjected],
        reason: Some("no_endpoints"),
        upstream: None,
        upstream_duration: None,
        ..fixture::record()
    };
    let text = line("json", &record);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "start_time": "2023-11-14T22:13:20.123Z",
            "method": "GET",
            "path": "/cart?x=1",
            "protocol": "HTTP/1.1",
            "response_code": 200,
            "response_flags": "UH,DI",
            "reason": "no_endpoints",
            "bytes_received": 10,
            "bytes_sent": 2000,
            "duration": 12,
            "upstream_service_time": null,
            "x_forwarded_for": "192.0.2.1",
            "user_agent": "curl/8",
            "request_id": "id-1",
            "authority": "shop.example.com",
            "upstream_host": null,
            "upstream_cluster": null,
            "route": {"kind": "HttpRoute", "namespace": "store", "name": "shop", "rule": 3},
            "listener": "http-80",
            "requested_server_name": null,
            "downstream_remote_address": "127.0.0.1:4000",
            "retries": 0,
            "grpc_status": null,
            "message": null,
        })
    );
}

#[test]
fn a_relayed_connection_is_a_line_without_what_only_http_has() {
    let cluster = fixture::service_cluster("db", "store", None);
    let route = fixture::l4_route();
    let record = ConnectionRecord {
        cluster: Some(&cluster),
        route: Some(&route),
        server_name: Some("db.example.com"),
        flags: &[Flag::StreamIdleTimeout],
        reason: Some("idle"),
        ..fixture::connection()
    };
    assert_eq!(
        line("text", &record),
        "[2023-11-14T22:13:20.123Z] \"- - TCP\" 0 SI idle 10 2000 12 - \"-\" \"-\" \"-\" \"-\" \"10.0.0.1:5432\" \
         store/db:80 127.0.0.1:4000 db.example.com VirtualService/store/db/1 \"-\"\n"
    );
    let json: serde_json::Value = serde_json::from_str(&line("json", &record)).unwrap();
    assert_eq!(
        (&json["protocol"], &json["listener"], &json["bytes_sent"]),
        (&"TCP".into(), &"tcp-5432".into(), &2000.into())
    );
    assert_eq!(
        json["route"],
        serde_json::json!({"kind": "VirtualService", "namespace": "store", "name": "db", "rule": 1})
    );
    assert_eq!(
        (&json["method"], &json["response_code"]),
        (&serde_json::Value::Null, &0.into())
    );
}

#[test]
fn what_is_wrong_with_the_configuration_is_in_the_line() {
    let record = RequestRecord {
        status: 500,
        reason: Some("invalid_rule"),
        message: Some("rewrite.uri: \"x\" must begin with a slash"),
        ..fixture::record()
    };
    let json: serde_json::Value = serde_json::from_str(&line("json", &record)).unwrap();
    assert_eq!(json["message"], record.message.unwrap());
    let text = line("text", &record);
    assert!(
        text.ends_with("\"rewrite.uri: \\\"x\\\" must begin with a slash\"\n"),
        "{text}"
    );
}

#[test]
fn a_client_cannot_write_a_line_or_a_key_of_its_own() {
    let record = RequestRecord {
        user_agent: Some("x\",\"response_code\":500}\n{\"method\":\"FAKE"),
        path: "/a\r\nGET /b",
        ..fixture::record()
    };
    for format in ["json", "text", "%REQ(USER-AGENT)% %REQ(:PATH)%"] {
        let text = line(format, &record);
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&line("json", &record)).unwrap();
    assert_eq!(json["user_agent"], record.user_agent.unwrap());
    assert_eq!(json["response_code"], 200);
}

#[test]
fn operators_take_alternatives_lengths_and_percent_signs() {
    let record = fixture::record();
    assert_eq!(
        line(
            "100%% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH):3% %REQ(user-agent)%!",
            &record
        ),
        "100% /ca curl/8!\n"
    );
}

#[test]
fn a_length_never_cuts_an_escape_in_half() {
    let record = RequestRecord {
        user_agent: Some("ab\"cd"),
        ..fixture::record()
    };
    assert_eq!(line("\"%REQ(USER-AGENT):3%\"", &record), "\"ab\\\"\"\n");
}

#[test]
fn an_unknown_operator_is_named_with_what_there_is() {
    let error = "%RESPONSE_COD%".parse::<LogFormat>().unwrap_err().to_string();
    assert!(
        error.contains("%RESPONSE_COD%") && error.contains("RESPONSE_CODE"),
        "{error}"
    );
    let error = "%REQ(COOKIE)%".parse::<LogFormat>().unwrap_err().to_string();
    assert!(
        error.contains("REQ(USER-AGENT)") && !error.contains("DURATION"),
        "{error}"
    );
}

#[test]
fn a_misspelt_word_is_not_taken_for_a_format() {
    assert_eq!(
        "jsn".parse::<LogFormat>(),
        Err(FormatError::NoOperator("jsn".into()))
    );
    assert_eq!(LogFormat::parse_option("off"), Ok(None));
}

#[test]
fn an_operator_that_is_not_closed_is_an_error_at_its_place() {
    assert_eq!("ab %DURATION".parse::<LogFormat>(), Err(FormatError::Unclosed(4)));
}

#[test]
fn a_format_with_a_line_break_is_refused() {
    assert_eq!("%DURATION%\n".parse::<LogFormat>(), Err(FormatError::Control));
}

#[test]
fn what_is_not_a_length_is_refused() {
    assert_eq!(
        "%REQ(:PATH):x%".parse::<LogFormat>(),
        Err(FormatError::Length("REQ(:PATH):x".into()))
    );
}
