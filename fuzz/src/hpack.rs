//! Header blocks of one connection, each behind its length: a request each, whatever they hold.

use inspect::protocol::Observation;
use packet::{Direction, Transport};

use crate::conversation::Conversation;
use crate::http2::{PREFACE, frame};

/// END_STREAM and END_HEADERS.
const WHOLE: u8 = 5;

/// Runs it once.
pub fn run(data: &[u8]) {
    let mut conversation = Conversation::new(Transport::Tcp, 80, &[(Direction::Outbound, PREFACE)]);
    let (mut rest, mut stream, mut end) = (data, 1, PREFACE.len() as u64);
    while let [len, after @ ..] = rest {
        let (block, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        let frame = frame(1, WHOLE, stream, block);
        conversation.say(Direction::Outbound, &frame);
        end += frame.len() as u64;
        stream += 2;
    }
    let observations = conversation.finish();
    let messages: Vec<_> = observations
        .iter()
        .filter_map(|it| if let Observation::Http(message) = it { Some(message) } else { None })
        .collect();
    assert_eq!(messages.len(), (stream as usize - 1) / 2, "a message for each block");
    for field in messages.iter().flat_map(|it| &it.headers) {
        assert!(field.range.start <= field.range.end && field.range.end <= end);
    }
}
