//! Blocks that no honest peer sends.

use super::*;

fn broken(block: &[u8]) -> Broken {
    decode(&mut Decoder::new(4096), block).unwrap_err()
}

#[test]
fn an_index_that_does_not_exist_breaks_the_connection() {
    for block in [
        &[0x80][..],
        &[0xbe],
        &[0xff, 0],
        &[0xff, 0xff, 0xff, 0x7f],
        &[0x7f, 0, 1, b'x'],
    ] {
        assert_eq!(broken(block), Broken::Index, "{block:x?}");
    }
}

#[test]
fn a_block_that_ends_within_a_field_breaks_the_connection() {
    for block in [
        &[0xff][..],
        &[0x40],
        &[0x00, 1],
        &[0x00, 1, b'a'],
        &[0x00, 1, b'a', 5, b'v'],
        &[0x3f],
    ] {
        assert_eq!(broken(block), Broken::Truncated, "{block:x?}");
    }
}

#[test]
fn an_integer_without_end_breaks_the_connection() {
    for first in [0xff, 0x7f, 0x0f, 0x1f, 0x3f] {
        let mut block = vec![first];
        block.extend([0xff; 40]);
        assert_eq!(broken(&block), Broken::Integer, "{first:x}");
    }
}

#[test]
fn huffman_code_that_is_wrong_breaks_the_connection() {
    assert_eq!(broken(&[0x00, 0x81, 0xff, 0]), Broken::Huffman);
    assert_eq!(broken(&[0x00, 1, b'a', 0x81, 0xff]), Broken::Huffman);
}

#[test]
fn a_size_update_begins_a_block_or_breaks_the_connection() {
    let mut decoder = Decoder::new(4096);
    // To zero, then to 4096, then GET.
    assert_eq!(
        fields(&mut decoder, &[0x20, 0x3f, 0xe1, 0x1f, 0x82]),
        [Field::Method(Method::GET)]
    );
    assert_eq!(broken(&[0x82, 0x20]), Broken::Update);
}

#[test]
fn a_table_larger_than_announced_breaks_the_connection() {
    assert_eq!(broken(&[0x3f, 0xe2, 0x1f]), Broken::Update);
}

#[test]
fn a_smaller_table_evicts_the_oldest() {
    let mut decoder = Decoder::new(4096);
    fields(
        &mut decoder,
        &[literal(ADDED, b"a", b"1"), literal(ADDED, b"b", b"2")].concat(),
    );
    assert_eq!(decoder.table().added(), (2, 68));
    // To 40: only the newest has room.
    assert_eq!(fields(&mut decoder, &[0x3f, 9, 0xbe]), [header("b", "2")]);
    assert_eq!(decode(&mut decoder, &[0xbf]), Err(Broken::Index));
}

#[test]
fn an_entry_larger_than_the_table_empties_it() {
    let mut decoder = Decoder::new(100);
    fields(&mut decoder, &literal(ADDED, b"a", b"1"));
    let block = literal(ADDED, b"b", &[b'x'; 100]);
    assert!(matches!(&fields(&mut decoder, &block)[..], [Field::Header(name, _)] if name == "b"));
    assert_eq!(decoder.table().added(), (0, 0));
}

#[test]
fn the_name_of_an_entry_survives_its_eviction_by_the_new_one() {
    let mut decoder = Decoder::new(50);
    fields(&mut decoder, &literal(ADDED, b"name", b"old"));
    let mut block = vec![0x7e];
    string(&mut block, 0, b"new");
    assert_eq!(fields(&mut decoder, &block), [header("name", "new")]);
    assert_eq!(decoder.table().added(), (1, 39));
}

#[test]
fn fields_past_the_limit_are_kept_back_but_enter_the_table() {
    let mut decoder = Decoder::new(4096);
    let block = [
        literal(ADDED, b"a", b"1"),
        literal(ADDED, b"b", &[b'x'; 50]),
        literal(ADDED, b"c", b"3"),
    ]
    .concat();
    let (given, outcome) = decode_within(&mut decoder, &block, 100).unwrap();
    assert_eq!(given, [header("a", "1")]);
    assert_eq!(
        outcome,
        Outcome {
            too_large: true,
            malformed: false
        }
    );
    assert_eq!(
        fields(&mut decoder, &[0xbe, 0xc0]),
        [header("c", "3"), header("a", "1")]
    );
}

#[test]
fn a_list_of_exactly_the_limit_is_not_too_large() {
    let block = [literal(PLAIN, b"a", b"1"), vec![0x82]].concat();
    let size = 34 + 42;
    assert!(
        !decode_within(&mut Decoder::new(4096), &block, size)
            .unwrap()
            .1
            .too_large
    );
    assert!(
        decode_within(&mut Decoder::new(4096), &block, size - 1)
            .unwrap()
            .1
            .too_large
    );
}

#[test]
fn a_field_that_http_does_not_allow_is_kept_back_and_the_next_is_not() {
    let values = [
        (&b"Upper"[..], &b"v"[..]),
        (b"", b"v"),
        (b"a b", b"v"),
        (b"a:", b"v"),
        (b"a\0", b"v"),
        (b"a\xff", b"v"),
        (b"a", b"\0"),
        (b"a", b"x\ry"),
        (b"a", b"x\ny"),
        (b"a", b"\x7f"),
        (b"a", b" x"),
        (b"a", b"x "),
        (b"a", b"\tx"),
        (b"a", b"x\t"),
        (b"a", b" "),
        (b":unknown", b"v"),
        (b":", b"v"),
        (b":Path", b"/"),
        (b":path", b"/ "),
        (b":path", b"/\n"),
        (b":path", b""),
        (b":path", b"p"),
        (b":path", b"*a"),
        (b":path", b"/a#b"),
        (b":path", b"http://a/"),
        (b":authority", b""),
        (b":authority", b"a\0"),
        (b":authority", b"a/b"),
        (b":scheme", b" http"),
        (b":scheme", b""),
        (b":scheme", b"1http"),
        (b":protocol", b"x\r"),
        (b":protocol", b""),
        (b":method", b""),
        (b":method", b"GE T"),
        (b":status", b""),
        (b":status", b"20"),
        (b":status", b"2000"),
        (b":status", b"2x0"),
        (b":status", b"099"),
    ];
    for (name, value) in values {
        for first in [PLAIN, NEVER, ADDED] {
            let mut block = literal(first, name, value);
            block.push(0x82);
            let (given, outcome) = decode(&mut Decoder::new(4096), &block).unwrap();
            assert_eq!(given, [Field::Method(Method::GET)], "{name:?}: {value:?}");
            assert_eq!(
                outcome,
                Outcome {
                    too_large: false,
                    malformed: true
                },
                "{name:?}: {value:?}"
            );
        }
    }
}

#[test]
fn what_http_allows_is_given_out() {
    for value in [&b"a\tb"[..], b"a  b", b"\xc3\xa4\x80\xff", b""] {
        let block = literal(PLAIN, b"a-_.~!#$%&'*+^`|0", value);
        let fields = fields(&mut Decoder::new(4096), &block);
        assert!(
            matches!(&fields[..], [Field::Header(_, given)] if given.as_bytes() == value),
            "{value:?}"
        );
    }
}

#[test]
fn a_malformed_field_stays_in_the_table_at_its_size() {
    let mut decoder = Decoder::new(4096);
    let block = [literal(ADDED, b"Upper", b"v"), literal(ADDED, b"good", b"\0")].concat();
    assert!(decode(&mut decoder, &block).unwrap().1.malformed);
    assert_eq!(decoder.table().added(), (2, 38 + 37));
    assert!(decode(&mut decoder, &[0xbe]).unwrap().1.malformed);
    assert!(decode(&mut decoder, &[0xbf]).unwrap().1.malformed);
    // The good name with a good value is good; the bad name never is.
    assert_eq!(fields(&mut decoder, &[0x0f, 47, 1, b'v']), [header("good", "v")]);
    assert!(decode(&mut decoder, &[0x0f, 48, 1, b'v']).unwrap().1.malformed);
}

#[test]
fn names_may_be_in_huffman_code_and_values_not() {
    let mut block = vec![PLAIN];
    string(&mut block, 0x80, &huffman(b"custom-key"));
    string(&mut block, 0, b"value");
    assert_eq!(
        fields(&mut Decoder::new(4096), &block),
        [header("custom-key", "value")]
    );
}
