//! Elements by code page and token: OMA's SyncML Representation Protocol, Meta Information and Device Information
//! (versions 1.0 to 1.2), and the public identifiers of their documents.

/// A document type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    SyncMl,
    DeviceInformation,
    Other,
}

/// The lowest token of every page.
const FIRST: u8 = 5;

const SYNCML: &str = "Add Alert Archive Atomic Chal Cmd CmdID CmdRef Copy Cred Data Delete Exec Final Get Item Lang \
    LocName LocURI Map MapItem Meta MsgID MsgRef NoResp NoResults Put Replace RespURI Results Search Sequence SessionID \
    SftDel Source SourceRef Status Sync SyncBody SyncHdr SyncML Target TargetRef Reserved VerDTD VerProto \
    NumberOfChanges MoreData Field Filter Record FilterType SourceParent TargetParent Move Correlator";

const META_INFORMATION: &str = "Anchor EMI Format FreeID FreeMem Last Mark MaxMsgSize Mem MetInf Next NextNonce SharedMem \
    Size Type Version MaxObjSize FieldLevel";

const DEVICE_INFORMATION: &str = "CTCap CTType DataStore DataType DevID DevInf DevTyp DisplayName DSMem Ext FwV HwV Man \
    MaxGUIDSize MaxID MaxMem Mod OEM ParamName PropName Rx Rx-Pref SharedMem Size SourceRef SwV SyncCap SyncType Tx \
    Tx-Pref ValEnum VerCT VerDTD XNam XVal UTC SupportNumberOfChanges SupportLargeObjs Property PropParam MaxOccur \
    NoTruncate Reserved Filter-Rx FilterCap FilterKeyword FieldLevel SupportHierarchicalSync";

impl Document {
    pub fn by_number(number: u32) -> Self {
        match number {
            0x0fd1 | 0x0fd3 | 0x1201 => Self::SyncMl,
            0x0fd2 | 0x0fd4 | 0x1203 => Self::DeviceInformation,
            _ => Self::Other,
        }
    }

    pub fn by_text(identifier: &[u8]) -> Self {
        let holds = |what: &[u8]| identifier.windows(what.len()).any(|it| it.eq_ignore_ascii_case(what));
        if holds(b"DTD SyncML") {
            Self::SyncMl
        } else if holds(b"DTD DevInf") {
            Self::DeviceInformation
        } else {
            Self::Other
        }
    }

    /// An element's name.
    pub fn element(self, page: u8, token: u8) -> String {
        let names = match (self, page) {
            (Self::SyncMl, 0) => SYNCML,
            (Self::SyncMl, 1) => META_INFORMATION,
            (Self::DeviceInformation, 0) => DEVICE_INFORMATION,
            _ => "",
        };
        let index = token.checked_sub(FIRST).map(usize::from);
        match index.and_then(|index| names.split_ascii_whitespace().nth(index)) {
            Some(name) => name.to_owned(),
            None => format!("p{page}x{token:02x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_their_names() {
        for (document, page, token, name) in [
            (Document::SyncMl, 0, 0x05, "Add"),
            (Document::SyncMl, 0, 0x17, "LocURI"),
            (Document::SyncMl, 0, 0x2d, "SyncML"),
            (Document::SyncMl, 0, 0x3c, "Correlator"),
            (Document::SyncMl, 1, 0x13, "Type"),
            (Document::SyncMl, 1, 0x16, "FieldLevel"),
            (Document::DeviceInformation, 0, 0x09, "DevID"),
            (Document::DeviceInformation, 0, 0x1e, "SwV"),
            (Document::DeviceInformation, 0, 0x34, "SupportHierarchicalSync"),
            (Document::Other, 2, 0x05, "p2x05"),
        ] {
            assert_eq!(document.element(page, token), name);
        }
        assert_eq!(Document::by_text(b"-//SYNCML//DTD SyncML 1.2//EN"), Document::SyncMl);
        assert_eq!(Document::by_number(0x1203), Document::DeviceInformation);
    }
}
