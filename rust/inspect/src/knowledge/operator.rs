//! Countries of SIM cards, by the mobile country code (ITU-T E.212) that their IMSI begins with.

/// Tab-separated, sorted by code, a `#` line first.
const TABLE: &str = include_str!("../../data/mcc.tsv");

/// The country (ISO 3166-1 alpha-2) whose operator gave out the SIM with this IMSI. `None` for the codes of tests (001),
/// of private (999) and of international networks (901), and for what is none.
pub fn sim_country(imsi: &str) -> Option<&'static str> {
    let code = imsi.get(..3)?;
    TABLE.lines().filter_map(|line| line.split_once('\t')).find(|(known, _)| *known == code).map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_digits_tell() {
        for (imsi, country) in [
            ("242011234567890", Some("NO")),
            ("460030123456789", Some("CN")),
            ("310150123456789", Some("US")),
            ("001010123456789", None),
            ("901700123456789", None),
            ("#mcc", None),
            ("24", None),
            ("äöü242", None),
        ] {
            assert_eq!(sim_country(imsi), country, "{imsi}");
        }
    }

    #[test]
    fn the_table_is_tidy() {
        let mut lines = TABLE.lines();
        assert_eq!(lines.next(), Some("#mcc\tcountry"));
        let rows: Vec<_> = lines.filter_map(|line| line.split_once('\t')).collect();
        assert!(rows.len() > 200 && rows.is_sorted_by(|a, b| a.0 < b.0));
        let known: Vec<_> = super::super::CountryTable::committed().countries().collect();
        for (code, country) in rows {
            assert!(code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
            // Kosovo has a code of its own in E.212, and none in ISO 3166.
            assert!(country == "XK" || known.contains(&country), "{code} {country}");
        }
    }
}
