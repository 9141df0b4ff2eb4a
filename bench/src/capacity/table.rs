//! Prints the results as the tables in docs/benchmarks.md.

use super::{Best, Case, Point};

pub(super) fn print(cases: &[Case]) {
    println!(
        "\n| model | | server | streams | p50, p95 | ratio | of the network alone | half the load: p50, p95 | end to final |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for case in cases {
        let alone = case.ceiling.iter().map(|(_, streams)| *streams).fold(0.0, f64::max);
        for (number, (name, best)) in sides(case).into_iter().enumerate() {
            let named = if number == 0 { format!("{} | {}", case.model, case.precision) } else { " | ".into() };
            let ratio = if number == 0 { String::new() } else { format!("{:.2}", best.over(&case.sherpa)) };
            let half = best.at((best.most / 2).max(1));
            println!(
                "| {named} | {name} | {} | {} | {ratio} | {:.0} % of {alone:.0} | {} | {} |",
                best.most,
                delays(best.at(best.most)),
                100.0 * best.most as f64 / alone,
                delays(half),
                half.map_or_else(String::new, |point| pair(point.end_p50, point.end_p95)),
            );
        }
    }
    println!();
    for case in cases {
        for (_, best) in sides(case) {
            print!("{} {}: {} holds {}", case.model, case.precision, best.settings, best.most);
            if let Some(point) = best.at(best.most).filter(|point| point.differing > 0.0) {
                print!(", {:.1} % of the words differ", 100.0 * point.differing);
            }
            let others =
                if best.others.is_empty() { String::new() } else { format!("; no more: {}", best.others.join("; ")) };
            println!("{others}");
        }
    }
}

fn sides(case: &Case) -> Vec<(&str, &Best)> {
    let auricle = case.auricle.iter().map(|(name, best)| (name.as_str(), best));
    [("sherpa-onnx", &case.sherpa)].into_iter().chain(auricle).collect()
}

fn delays(point: Option<&Point>) -> String {
    point.map_or_else(String::new, |point| pair(point.p50, point.p95))
}

fn pair(p50: f64, p95: f64) -> String {
    format!("{p50:.0}, {p95:.0} ms")
}
