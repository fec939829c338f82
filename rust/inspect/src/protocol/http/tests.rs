use super::*;

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;

/// One HTTP connection, fed turn by turn.
struct Wire {
    http: Http,
    at: [u64; 2],
    out: Vec<Observation>,
}

impl Wire {
    fn new() -> Self {
        Self { http: Http::new(), at: [0; 2], out: Vec::new() }
    }

    fn send(&mut self, direction: Direction, bytes: &[u8]) -> Option<Switch> {
        let offset = self.at[direction.index()];
        self.at[direction.index()] += bytes.len() as u64;
        self.http.handle(direction, StreamEvent::Data { offset, bytes }, &mut self.out)
    }

    fn gap(&mut self, direction: Direction, len: u64) {
        let offset = self.at[direction.index()];
        self.at[direction.index()] += len;
        assert_eq!(self.http.handle(direction, StreamEvent::Gap { offset, len }, &mut self.out), None);
    }

    fn end(&mut self, direction: Direction) {
        self.http.handle(direction, StreamEvent::End, &mut self.out);
    }

    /// Each message: its target or status, body and cut.
    fn messages(&self) -> Vec<(String, String, Option<&'static str>)> {
        let messages =
            self.out.iter().filter_map(|o| if let Observation::Http(m) = o { Some(m) } else { None });
        let shown = messages.map(|m| {
            let start = match &m.start {
                HttpStart::Request { target, .. } => target.clone(),
                HttpStart::Response { status } => status.to_string(),
            };
            (start, String::from_utf8_lossy(&m.body).into_owned(), m.cut)
        });
        shown.collect()
    }
}

fn own(start: &str, body: &str, cut: Option<&'static str>) -> (String, String, Option<&'static str>) {
    (start.to_owned(), body.to_owned(), cut)
}

#[test]
fn pipelined_requests_and_what_their_responses_leave_out() {
    let mut wire = Wire::new();
    wire.send(
        OUT,
        b"HEAD /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nPOST /c HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi",
    );
    wire.send(
        IN,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n",
    );
    wire.send(IN, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes");
    let expected = [
        own("/a", "", None),
        own("/b", "", None),
        own("/c", "hi", None),
        own("200", "", None),
        own("304", "", None),
        own("100", "", None),
        own("200", "yes", None),
    ];
    assert_eq!(wire.messages(), expected);
}

#[test]
fn a_body_where_none_may_be_is_kept_when_it_comes() {
    for head in
        ["HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 204 No\nTransfer-Encoding: chunked\n\n"]
    {
        let body = if head.contains("chunked") { "2\r\nye\r\n1\r\ns\r\n0\r\n\r\n" } else { "yes" };
        let mut wire = Wire::new();
        wire.send(IN, [head, head, body, head].concat().as_bytes());
        wire.end(IN);
        assert_eq!(wire.messages(), [own("204", "", None), own("204", "yes", None), own("204", "", None)]);
    }
    let mut wire = Wire::new();
    wire.send(IN, b"HTTP/1.1 204 No\r\n\r\nHTTP/1.1 2040 ok\r\nContent-Length: 3\r\n\r\nyes");
    assert_eq!(wire.messages(), [own("204", "", None), own("2040", "yes", None)]);
}

#[test]
fn a_head_may_end_with_a_line_of_blanks() {
    let text = b"HTTP/1.1 200 OK\nContent-Length: 3\n \nyes";
    for step in [1, 2, text.len()] {
        let mut wire = Wire::new();
        text.chunks(step).for_each(|piece| _ = wire.send(IN, piece));
        wire.end(IN);
        assert_eq!(wire.messages()[0].1, "yes", "step {step}");
    }
    let mut wire = Wire::new();
    wire.send(IN, b"HTTP/1.1 200 OK\r\n\r\r\nContent-Length: 3\r\n\r\nyes");
    assert_eq!(wire.messages(), [own("200", "yes", None)]);
}

#[test]
fn a_response_without_length_ends_with_the_stream() {
    let mut wire = Wire::new();
    wire.send(IN, b"HTTP/1.0 200 OK\n\nall of it");
    assert!(wire.http.is_pending() && wire.messages().is_empty());
    wire.end(IN);
    assert_eq!(wire.messages(), [own("200", "all of it", None)]);
}

#[test]
fn ranges_are_offsets_in_the_stream() {
    let text = b"\r\nPOST http://h/p HTTP/1.1\r\nHost:  h \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nT: v\r\n\r\n";
    let mut wire = Wire::new();
    wire.send(OUT, text);
    let [Observation::Http(m), Observation::Whole(head)] = &wire.out[..] else { panic!("{:?}", wire.out) };
    assert_eq!((&head.bytes[..], head.range.clone()), (&text[2..69], 2..69));
    let at = |range: &std::ops::Range<u64>| {
        std::str::from_utf8(&text[range.start as usize..range.end as usize]).unwrap()
    };
    let HttpStart::Request { target, target_range, .. } = &m.start else { panic!() };
    assert_eq!((at(target_range), target.as_str()), ("http://h/p", "http://h/p"));
    assert!(m.headers.iter().all(|h| at(&h.range) == h.value), "{:?}", m.headers);
    assert_eq!(
        (m.header("HOST"), m.header("t"), &m.body[..], m.coding),
        (Some("h"), Some("v"), &b"abc"[..], BodyCoding::Chunked)
    );
    assert_eq!(at(&m.body_range), "2\r\nab\r\n1\r\nc\r\n0\r\nT: v\r\n\r\n");
    assert_eq!(m.range, 2..text.len() as u64);
}

#[test]
fn a_long_body_is_yielded_cut_and_the_next_message_found() {
    let mut wire = Wire::new();
    wire.send(IN, b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
    for _ in 0..300 {
        wire.send(IN, &[b'x'; 1000]);
    }
    wire.send(IN, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny");
    let messages = wire.messages();
    assert_eq!((messages[0].1.len(), messages[0].2), (MAX_BODY[1], Some("too_long")));
    assert_eq!(messages[1..], [own("200", "y", None)]);
}

#[test]
fn a_gap_in_a_body_costs_only_that_body() {
    let mut wire = Wire::new();
    wire.send(OUT, b"POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
    wire.gap(OUT, 5);
    wire.send(OUT, b"ijPOST /b HTTP/1.1\r\nContent-Length: 1\r\n\r\nz");
    assert_eq!(wire.messages(), [own("/a", "abc", Some("gap")), own("/b", "z", None)]);
}

#[test]
fn a_head_may_turn_out_to_have_ended_before_what_came_last() {
    let text = b"POST /a HTTP/1.1\r\nContent-Length: 12\r\n \r\nno field\nxyGET /b HTTP/1.1\r\n\r\n";
    for cut in 1..text.len() {
        let mut wire = Wire::new();
        wire.send(OUT, &text[..cut]);
        wire.send(OUT, &text[cut..]);
        let mut whole = Wire::new();
        whole.send(OUT, text);
        assert_eq!(wire.messages(), whole.messages(), "cut at {cut}");
    }
}

#[test]
fn half_a_field_before_a_gap_is_no_field() {
    let mut wire = Wire::new();
    wire.send(OUT, b"GET /a HTTP/1.1\r\nHost: h\r\nX-Android-Id: 6656c90bd548");
    wire.gap(OUT, 4);
    let [Observation::Http(message), Observation::Whole(_)] = &wire.out[..] else { panic!("one message") };
    assert_eq!((message.header("host"), message.header("x-android-id")), (Some("h"), None));
}

#[test]
fn after_a_gap_in_a_head_the_next_message_is_looked_for() {
    let mut wire = Wire::new();
    wire.send(OUT, b"GET /a HTTP/1.1\r\nHost: h\r\nX:");
    wire.gap(OUT, 5);
    wire.send(OUT, b"tail\r\n\r\n{\"body\":1}POST /b HTTP/1.1\r\n\r\n");
    assert_eq!(wire.messages(), [own("/a", "", Some("gap")), own("/b", "", None)]);
}

#[test]
fn a_flush_yields_what_there_is_once() {
    let mut wire = Wire::new();
    wire.send(OUT, b"POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
    assert!(wire.http.is_pending());
    wire.http.flush(&mut wire.out);
    assert!(!wire.http.is_pending());
    wire.send(OUT, b"defghijGET /b HTTP/1.1\r\n\r\n");
    assert_eq!(wire.messages(), [own("/a", "abc", Some("unfinished")), own("/b", "", None)]);
}

#[test]
fn heads_are_bounded_and_garbage_is_handed_on() {
    let mut wire = Wire::new();
    let head = [b"GET /a HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; MAX_HEAD]].concat();
    wire.send(OUT, &head);
    assert_eq!(wire.messages(), [own("/a", "", Some("too_long"))]);
    let mut wire = Wire::new();
    wire.send(OUT, b"end of a body\nGET /b HTTP/1.1\r\n\r\n\x01\x02\r\n\r\n");
    assert_eq!(wire.messages(), [own("/b", "", None)]);
    assert!(
        matches!(&wire.out[..], [Observation::Readable(a), _, _, Observation::Readable(b)] if a.bytes == b"end of a body\n" && b.bytes == b"\x01\x02\r\n\r\n")
    );
}

#[test]
fn an_upgrade_hands_over_what_follows() {
    let mut wire = Wire::new();
    wire.send(OUT, b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
    let switch = wire.send(IN, b"HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\n\r\n\x81\x02hi");
    assert_eq!(switch, Some(Switch { to: Upgrade::WebSocket, rest: vec![(IN, 46, b"\x81\x02hi".to_vec())] }));
}

#[test]
fn lengths_that_are_none_are_passed_over() {
    let head = |value: &str| Head {
        start: HttpStart::Response { status: 200 },
        headers: vec![HttpHeader {
            name: "content-length".into(),
            value: value.into(),
            range: 0..0,
            huffman: false,
        }],
        at: 0,
    };
    assert_eq!(head("12").length(), Some(12));
    assert_eq!(head("12, 12").length(), Some(12));
    for none in ["", "34 68", "-1", "0x10", "99999999999999999999", "12, x"] {
        assert_eq!(head(none).length(), None, "{none}");
    }
}
