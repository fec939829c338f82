//! What SyncML's data is called (OMA-DM): the node that is addressed beside it.

use super::{Piece, last_name};

/// Names the data of each item by the last part of its address: `DevId` of `./DevInfo/DevId`.
pub fn name_data(bytes: &[u8], pieces: &mut [Piece]) {
    let mut node = None;
    for piece in pieces {
        let item = piece.path.contains("Item.");
        match last_name(&piece.path) {
            "LocURI" if item => node = std::str::from_utf8(piece.bytes(bytes)).ok().and_then(last_part),
            "Data" if item => piece.key = node.take().map(Into::into),
            // Every command begins with it: what was addressed before is over.
            "CmdID" => node = None,
            _ => {}
        }
    }
}

fn last_part(address: &str) -> Option<String> {
    let name = address.split(['?', '#']).next()?.trim_end_matches('/').rsplit('/').next()?;
    (!name.is_empty() && name.len() <= 64).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_called_as_its_node() {
        let text = b"./DevInfo/DevId?prop=x";
        let mut pieces = [
            Piece::slice("SyncML.SyncBody.Replace.CmdID", 0..1, 1),
            Piece::slice("SyncML.SyncBody.Replace.Item.Source.LocURI", 0..text.len(), 1),
            Piece::slice("SyncML.SyncBody.Replace.Item.Meta.Type", 0..1, 1),
            Piece::slice("SyncML.SyncBody.Replace.Item.Data", 0..1, 1),
            Piece::slice("SyncML.SyncBody.Replace.Item.Data", 0..1, 1),
        ];
        name_data(text, &mut pieces);
        let keys: Vec<_> = pieces.iter().map(|it| it.key.as_deref()).collect();
        assert_eq!(keys, [None, None, None, Some("DevId"), None]);
    }
}
