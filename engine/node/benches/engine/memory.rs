//! How much memory a million entities take.

use serde_json::json;

use crate::project::{Place, copy_and_add, csv, numbers, people, run_all};

/// A million entities from CSV through DTL and into a merge.
pub(crate) fn memory(count: usize) {
    let others = json!({"_id": "others", "source": {
        "type": "csv", "system": "files", "url": "others.csv", "primary_key": "id",
    }});
    let merge = json!({"_id": "merged", "source": {
        "type": "merge", "version": 2, "identity": "first", "strategy": "compact",
        "datasets": ["added a", "others o"], "equality": [["eq", "a._id", "o._id"]],
    }});
    let place = Place::new(&[people(), others, copy_and_add(), merge]);
    place.put("people.csv", &csv(&numbers(count, true)));
    place.put("others.csv", &csv(&numbers(count / 10, false)));
    let node = place.open();
    for (pipe, took) in run_all(&node) {
        println!(
            "{pipe}, {count} entities: {:.1} s of processor time, {:.1} s passed",
            took.cpu.as_secs_f64(),
            took.wall.as_secs_f64()
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    println!("peak {} bytes", peak.unwrap_or(u64::MAX / 1024) * 1024);
}
