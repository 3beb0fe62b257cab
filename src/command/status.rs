//! `git exp status`: what runs, and what can be gone on with.

use crate::cli::Context;
use crate::error::Result;
use crate::id;
use crate::ops::status::{ExperimentStatus, Place, Report, State, status};
use std::fmt::Write as _;

/// Show which experiments run, and which can be gone on with
///
/// Lists the experiments that started from the current commit, newest first, each with what became of
/// it, its last checkpoint and how long ago that was. Where `git exp run` would go on is marked with
/// a star.
///
/// running: a run adds to it now, in this worktree or in another one.
///
/// orphaned: its run was killed, but the stage's command still trains. `git exp resume --attach`
/// goes on saving its checkpoints.
///
/// done, failed, interrupted: how its last run ended.
///
/// unfinished: its last run was cut off. `git exp resume` goes on with it.
///
/// unknown: DVC made it, and does not say.
///
/// With --porcelain, each experiment is a line of these fields with a tab between them, `-` where
/// there is nothing to say: the word above; `*` if `git exp run` goes on from it; its baseline; its
/// name; its last checkpoint's commit, number, and committer time in seconds since the epoch; the
/// seconds since then; the exit status of a failed stage; `incomplete` if a checkpoint of its last
/// run could not be saved; the process id of the run, or of an orphaned command; the worktree it
/// runs in, with `%`, tabs and line ends as `%` and two hex digits. Fields may be added at the end.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-status", bin_name = "git exp status")]
pub struct Args {
    /// Print a line per experiment in a format that stays as it is
    #[arg(long)]
    porcelain: bool,
}

/// Runs the command.
pub fn run(context: &mut Context, args: Args) -> Result<()> {
    let report = status(context.store()?)?;
    let text = if args.porcelain {
        report.experiments.iter().map(porcelain).collect()
    } else {
        human(&report)
    };
    context.out.print(&text)
}

fn human(report: &Report) -> String {
    let mut text = String::new();
    let Some(baseline) = report.baseline else {
        return "No commits yet: an experiment starts from one\n".to_owned();
    };
    // Writing to a String cannot fail.
    let _ = match &report.branch {
        Some(branch) => writeln!(text, "On branch {branch} at {}", id::short(&baseline)),
        None => writeln!(text, "HEAD detached at {}", id::short(&baseline)),
    };
    for experiment in &report.experiments {
        match &experiment.state {
            State::Running(place) if place.here => {
                let _ = writeln!(
                    text,
                    "Running: {}{}, for {} (process {})",
                    experiment.name,
                    stage(place),
                    duration(place.seconds),
                    place.pid
                );
            }
            State::Orphaned(place) => {
                let _ = writeln!(
                    text,
                    "Orphaned: the command of {}{} still runs in '{}' (process {})\n  \
                     (use \"git exp resume --attach\" there to go on saving its checkpoints)",
                    experiment.name,
                    stage(place),
                    place.worktree.display(),
                    place.pid
                );
            }
            _ => {}
        }
    }
    if let Some(next) = &report.next {
        let _ = writeln!(
            text,
            "Next run goes on from {} ({})",
            next.name,
            id::short(&next.checkpoint)
        );
    }
    if report.experiments.is_empty() {
        text.push_str("\nNo experiments yet (use \"git exp run\" to make one)\n");
        return text;
    }
    text.push('\n');
    let rows: Vec<_> = report.experiments.iter().map(row).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [0, 1, 2, 3].map(width);
    for (row, experiment) in rows.iter().zip(&report.experiments) {
        let mark = if experiment.is_next { '*' } else { ' ' };
        let mut line = format!("{mark} ");
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        line.push_str(&row[4]);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// State, name, checkpoint, commit, age and remarks.
fn row(experiment: &ExperimentStatus) -> [String; 5] {
    let state = match &experiment.state {
        State::Failed(Some(exit)) => format!("failed ({exit})"),
        other => word(other).to_owned(),
    };
    let mut remarks = Vec::new();
    if let Some(tip) = &experiment.tip {
        remarks.push(format!("{} ago", duration(tip.age)));
    }
    if let State::Running(place) = &experiment.state
        && !place.here
    {
        remarks.push(format!("in '{}'", place.worktree.display()));
    }
    if let Some(why) = &experiment.incomplete {
        remarks.push(format!("a checkpoint is missing: {why}"));
    }
    let (number, commit) = match &experiment.tip {
        None => ("no checkpoint".to_owned(), String::new()),
        Some(tip) => (
            tip.number
                .map_or_else(String::new, |number| format!("checkpoint {number}")),
            id::short(&tip.id),
        ),
    };
    [
        state,
        experiment.name.clone(),
        number,
        commit,
        remarks.join(", "),
    ]
}

fn porcelain(experiment: &ExperimentStatus) -> String {
    let place = match &experiment.state {
        State::Running(place) | State::Orphaned(place) => Some(place),
        _ => None,
    };
    let exit = match experiment.state {
        State::Failed(exit) => exit,
        _ => None,
    };
    let tip = experiment.tip.as_ref();
    let field = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let fields = [
        word(&experiment.state).to_owned(),
        field(experiment.is_next.then(|| "*".to_owned())),
        experiment.baseline.to_string(),
        experiment.name.clone(),
        field(tip.map(|tip| tip.id.to_string())),
        field(tip.and_then(|tip| tip.number).map(|n| n.to_string())),
        field(tip.map(|tip| tip.time.to_string())),
        field(tip.map(|tip| tip.age.to_string())),
        field(exit.map(|exit| exit.to_string())),
        field(
            experiment
                .incomplete
                .as_ref()
                .map(|_| "incomplete".to_owned()),
        ),
        field(place.map(|place| place.pid.to_string())),
        field(place.map(|place| escape(&place.worktree.to_string_lossy()))),
    ];
    fields.join("\t") + "\n"
}

fn word(state: &State) -> &'static str {
    match state {
        State::Running(_) => "running",
        State::Orphaned(_) => "orphaned",
        State::Done => "done",
        State::Failed(_) => "failed",
        State::Interrupted => "interrupted",
        State::Unfinished => "unfinished",
        State::Unknown => "unknown",
    }
}

fn stage(place: &Place) -> String {
    match &place.stages[..] {
        [] => String::new(),
        [stage] => format!(", stage '{stage}'"),
        stages => format!(", stages '{}'", stages.join("', '")),
    }
}

fn escape(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\t', "%09")
        .replace('\n', "%0A")
        .replace('\r', "%0D")
}

/// A duration in the unit in which git words ages, rounded as git does.
fn duration(seconds: i64) -> String {
    let plural = |count: i64, unit: &str| {
        let s = if count == 1 { "" } else { "s" };
        format!("{count} {unit}{s}")
    };
    let rounded = |count: i64, unit: i64| count.saturating_add(unit / 2) / unit;
    let minutes = rounded(seconds, 60);
    let hours = rounded(minutes, 60);
    let days = rounded(hours, 24);
    match () {
        () if seconds < 90 => plural(seconds, "second"),
        () if minutes < 90 => plural(minutes, "minute"),
        () if hours < 36 => plural(hours, "hour"),
        () if days < 14 => plural(days, "day"),
        () if days < 70 => plural(rounded(days, 7), "week"),
        () if days < 365 => plural(rounded(days, 30), "month"),
        () => plural(rounded(days, 365), "year"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ObjectId;
    use crate::ops::status::Tip;
    use crate::store::state::ResumePoint;
    use snapbox::{assert_data_eq, str};

    fn id_of(digit: char) -> ObjectId {
        ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).unwrap()
    }

    fn experiment(name: &str, state: State) -> ExperimentStatus {
        ExperimentStatus {
            baseline: id_of('b'),
            name: name.to_owned(),
            tip: Some(Tip {
                id: id_of('c'),
                number: Some(12),
                time: 1_112_911_993,
                age: 200,
            }),
            state,
            incomplete: None,
            is_next: false,
        }
    }

    fn place(worktree: &str, here: bool) -> Place {
        Place {
            worktree: worktree.into(),
            here,
            pid: 4242,
            stages: vec!["train".to_owned()],
            seconds: 7200,
        }
    }

    fn report() -> Report {
        let mut failed = experiment("late-crow", State::Failed(Some(3)));
        failed.incomplete = Some("no space left on device".to_owned());
        let mut next = experiment("warm-lynx", State::Unfinished);
        next.is_next = true;
        let mut fresh = experiment("new-one", State::Running(place("/w", true)));
        fresh.tip = None;
        let mut dvc = experiment("tonal-rime", State::Unknown);
        dvc.tip.as_mut().unwrap().number = None;
        Report {
            baseline: Some(id_of('b')),
            branch: Some("main".to_owned()),
            next: Some(ResumePoint {
                checkpoint: id_of('c'),
                baseline: id_of('b'),
                name: "warm-lynx".to_owned(),
                experiment_id: String::new(),
            }),
            experiments: vec![
                fresh,
                next,
                failed,
                experiment("other", State::Running(place("/100%\t", false))),
                experiment("lost", State::Orphaned(place("/w", true))),
                experiment("old", State::Done),
                dvc,
            ],
        }
    }

    #[test]
    fn tells_people() {
        assert_data_eq!(
            human(&report()),
            str![[r#"
On branch main at bbbbbbb
Running: new-one, stage 'train', for 2 hours (process 4242)
Orphaned: the command of lost, stage 'train' still runs in '/w' (process 4242)
  (use "git exp resume --attach" there to go on saving its checkpoints)
Next run goes on from warm-lynx (ccccccc)

  running     new-one     no checkpoint
* unfinished  warm-lynx   checkpoint 12  ccccccc  3 minutes ago
  failed (3)  late-crow   checkpoint 12  ccccccc  3 minutes ago, a checkpoint is missing: no space left on device
  running     other       checkpoint 12  ccccccc  3 minutes ago, in '/100%	'
  orphaned    lost        checkpoint 12  ccccccc  3 minutes ago
  done        old         checkpoint 12  ccccccc  3 minutes ago
  unknown     tonal-rime                 ccccccc  3 minutes ago

"#]]
        );
    }

    #[test]
    fn tells_scripts() {
        let text: String = report().experiments.iter().map(porcelain).collect();
        assert_data_eq!(
            text.replace('\t', "|"),
            str![[r#"
running|-|bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb|new-one|-|-|-|-|-|-|4242|/w
unfinished|*|bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb|warm-lynx|cccccccccccccccccccccccccccccccccccccccc|12|1112911993|200|-|-|-|-
failed|-|bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb|late-crow|cccccccccccccccccccccccccccccccccccccccc|12|1112911993|200|3|incomplete|-|-
running|-|bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb|other|cccccccccccccccccccccccccccccccccccccccc|12|1112911993|200|-|-|4242|/100%25%09
orphaned|-|bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb|lost|cccccccccccccccccccccccccccccccccccccccc|12|1112911993|200|-|-|4242|/w
done|-|bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb|old|cccccccccccccccccccccccccccccccccccccccc|12|1112911993|200|-|-|-|-
unknown|-|bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb|tonal-rime|cccccccccccccccccccccccccccccccccccccccc|-|1112911993|200|-|-|-|-

"#]]
        );
    }

    #[test]
    fn says_what_to_do_first() {
        let mut empty = report();
        empty.experiments.clear();
        empty.next = None;
        assert_data_eq!(
            human(&empty),
            str![[r#"
On branch main at bbbbbbb

No experiments yet (use "git exp run" to make one)

"#]]
        );
        empty.baseline = None;
        assert_data_eq!(
            human(&empty),
            str![[r#"
No commits yet: an experiment starts from one

"#]]
        );
    }

    #[test]
    fn words_durations_as_git_does() {
        for (seconds, words) in [
            (1, "1 second"),
            (89, "89 seconds"),
            (90, "2 minutes"),
            (5369, "89 minutes"),
            (7200, "2 hours"),
            (129_600, "2 days"),
            (86_400 * 13, "13 days"),
            (86_400 * 15, "2 weeks"),
            (86_400 * 75, "3 months"),
            (86_400 * 800, "2 years"),
        ] {
            assert_eq!(duration(seconds), words);
        }
    }
}
