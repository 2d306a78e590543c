//! How well a name answers to what was typed.

/// The better the higher; `None` when the letters are not all there in order.
/// Whole stretches count more than scattered letters, starts of words more than
/// their middles, short names more than long ones.
pub(super) fn score(wanted: &str, name: &str) -> Option<i32> {
    if wanted.is_empty() {
        return Some(0);
    }
    let wanted: Vec<char> = wanted.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let name: Vec<char> = name.to_lowercase().chars().collect();
    // Every place the first letter could stand; the best one counts.
    let starts = (0..name.len()).filter(|at| Some(&name[*at]) == wanted.first());
    starts
        .filter_map(|start| score_from(&wanted, &name, start))
        .max()
        .map(|score| score - name.len() as i32 / 4)
}

fn score_from(wanted: &[char], name: &[char], start: usize) -> Option<i32> {
    let mut score = 0;
    let mut at = start;
    let mut last = None;
    for letter in wanted {
        let found = at + name[at..].iter().position(|c| c == letter)?;
        let begins_word = found == 0 || !name[found - 1].is_alphanumeric();
        score += match last {
            Some(last) if found == last + 1 => 12,
            _ if begins_word => 10,
            _ => 1,
        };
        if found == 0 {
            score += 6;
        }
        last = Some(found);
        at = found + 1;
    }
    Some(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best<'a>(wanted: &str, names: &[&'a str]) -> Option<&'a str> {
        names
            .iter()
            .filter_map(|name| Some((score(wanted, name)?, *name)))
            .max_by_key(|(score, _)| *score)
            .map(|(_, name)| name)
    }

    #[test]
    fn the_name_one_means_comes_first() {
        let names = [
            "global-person",
            "crm-person",
            "person-crm",
            "person-crm-endpoint",
            "erp-order",
            "Run all pipes",
        ];
        assert_eq!(best("person", &names), Some("person-crm"));
        assert_eq!(best("gp", &names), Some("global-person"));
        assert_eq!(best("pce", &names), Some("person-crm-endpoint"));
        assert_eq!(best("run all", &names), Some("Run all pipes"));
        assert_eq!(best("crm", &names), Some("crm-person"));
        assert_eq!(best("xyz", &names), None);
    }
}
