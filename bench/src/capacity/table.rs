//! What the cases came to, as the tables of docs/benchmarks.md.

use super::{Best, Case, Point};

pub(super) fn print(cases: &[Case]) {
    println!("\n| model | | sherpa-onnx | p50, p95 | Auricle | p50, p95 | ratio | network alone | share of it |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for case in cases {
        let Case { model, precision, sherpa, auricle, .. } = case;
        let alone = case.ceiling.iter().map(|(_, streams)| *streams).fold(0.0, f64::max);
        let share = |best: &Best| 100.0 * best.most as f64 / alone;
        println!(
            "| {model} | {precision} | {} | {} | {} | {} | {:.2} | {alone:.0} | {:.0} %, {:.0} % |",
            sherpa.most,
            delays(sherpa.at(sherpa.most)),
            auricle.most,
            delays(auricle.at(auricle.most)),
            auricle.most as f64 / sherpa.most.max(1) as f64,
            share(sherpa),
            share(auricle),
        );
    }
    println!("\n| model | | half the load: sherpa-onnx | end to final | half the load: Auricle | end to final |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for Case { model, precision, sherpa, auricle, .. } in cases {
        let half = |best: &Best| {
            let point = best.at((best.most / 2).max(1));
            let end = point.map_or_else(String::new, |point| pair(point.end_p50, point.end_p95));
            format!("{} | {end}", delays(point))
        };
        println!("| {model} | {precision} | {} | {} |", half(sherpa), half(auricle));
    }
    for case in cases {
        let Case { model, precision, sherpa, auricle, in_process, .. } = case;
        for best in [Some(sherpa), Some(auricle), in_process.as_ref()].into_iter().flatten() {
            print!("{model} {precision}: {} holds {}", best.settings, best.most);
            if let Some(point) = best.at(best.most).filter(|point| point.differing > 0.0) {
                print!(", {:.1} % of the words differ", 100.0 * point.differing);
            }
            println!(
                "{}",
                if best.others.is_empty() { String::new() } else { format!("; no more: {}", best.others.join("; ")) }
            );
        }
    }
}

fn delays(point: Option<&Point>) -> String {
    point.map_or_else(String::new, |point| pair(point.p50, point.p95))
}

fn pair(p50: f64, p95: f64) -> String {
    format!("{p50:.0}, {p95:.0} ms")
}
