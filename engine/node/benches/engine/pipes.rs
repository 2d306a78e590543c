//! What many pipes take.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::measure::{Targets, cpu, time};
use crate::project::Place;

/// Many pipes: what one more takes, and what they all take when nothing happens.
pub(crate) fn pipes(targets: &mut Targets) {
    const PIPES: usize = 500;
    let nth = |n: usize| {
        json!({
            "_id": format!("pipe-{n}"),
            "source": {"type": "dataset", "dataset": format!("pipe-{}", n / 2)},
            "transform": {"type": "dtl", "rules": {"default": [
                ["copy", "*"],
                ["add", "x", ["hops", {
                    "datasets": [format!("pipe-{} h", n / 3)],
                    "where": [["eq", "_S.ref", "h._id"]],
                }]],
            ]}},
        })
    };
    let mut all = vec![json!({"_id": "pipe-0", "source": {"type": "embedded", "entities": []}})];
    all.extend((1..PIPES).map(nth));
    let place = Place::new(&all);
    let node = place.open();
    let mut times = Vec::new();
    for n in 0..5 {
        place.pipe(&nth(PIPES + n));
        let (result, took) = time(|| node.reload("one more"));
        result.unwrap();
        times.push(took.wall);
    }
    times.sort_unstable();
    targets.most("one more pipe beside 500", times[2].as_secs_f64() * 1e3, 50.0, "ms");
    node.set_trusted(true).unwrap();
    node.start_running().unwrap();
    idle(Duration::from_secs(5));
    let share = idle(Duration::from_secs(10));
    targets.most("500 idle pipes", share * 100.0, 1.0, "% of a processor");
    assert!(Path::new(node.root()).is_dir());
}

/// The share of a processor that this process takes while nothing is asked.
fn idle(wait: Duration) -> f64 {
    let before = cpu();
    std::thread::sleep(wait);
    (cpu() - before).as_secs_f64() / wait.as_secs_f64()
}
