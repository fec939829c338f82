//! LZ4 blocks (github.com/lz4/lz4, doc/lz4_Block_format.md), alone or behind their size as many libraries write them.

use super::Inflated;

/// Decompresses a block to at most `bound` bytes.
pub fn block(input: &[u8], bound: usize) -> Inflated {
    let sized = input.split_first_chunk::<4>().and_then(|(size, block)| {
        let size = u32::from_le_bytes(*size) as usize;
        (length(block) == Some(size)).then_some((block, size))
    });
    let Some((block, length)) = sized.or_else(|| Some((input, length(input)?))) else {
        return Inflated::NOTHING;
    };
    if length > MOST {
        return Inflated { stopped: Some("bytes"), ..Inflated::NOTHING };
    }
    // A block cannot be decompressed in part: what the bound cuts off is decompressed first.
    let mut bytes = vec![0; length];
    let Ok(written) = lz4_flex::block::decompress_into(block, &mut bytes) else {
        return Inflated::NOTHING;
    };
    bytes.truncate(written.min(bound));
    let stopped = (written > bound).then_some("bytes");
    Inflated { bytes, stopped, complete: stopped.is_none() }
}

/// Larger blocks are not decompressed.
const MOST: usize = 8 << 20;

/// How many bytes come of a block, if it is sound: each sequence's literals are there, each match lies behind.
fn length(block: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut length = 0usize;
    loop {
        let token = *block.get(at)?;
        at += 1;
        let literals = extended(block, &mut at, token >> 4)?;
        length = length.checked_add(literals)?;
        at = at.checked_add(literals).filter(|at| *at <= block.len())?;
        if at == block.len() {
            // The last sequence has no match.
            return Some(length);
        }
        let offset = u16::from_le_bytes(*block.get(at..)?.first_chunk()?);
        at += 2;
        if offset == 0 || usize::from(offset) > length {
            return None;
        }
        length = length.checked_add(extended(block, &mut at, token & 15)?)?.checked_add(4)?;
    }
}

/// A length of four bits that further bytes add to.
fn extended(block: &[u8], at: &mut usize, bits: u8) -> Option<usize> {
    let mut length = usize::from(bits);
    if bits == 15 {
        loop {
            let more = *block.get(*at)?;
            *at += 1;
            length = length.checked_add(usize::from(more))?;
            if more != 255 {
                break;
            }
        }
    }
    Some(length)
}
