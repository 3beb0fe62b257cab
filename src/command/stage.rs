//! `git exp stage`.

use crate::cli::Context;
use crate::error::{Context as _, Error, Result};
use crate::ops::stage;
use crate::pipeline::draft::Draft;
use crate::pipeline::{Output, OutputKind};
use crate::ui::shell;

/// Add stages to the pipeline and list them
///
/// The pipeline is the file 'dvc.yaml' at the top of the project, as DVC has it.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-stage", bin_name = "git exp stage")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Add a stage to 'dvc.yaml'
    Add(Box<Add>),
    /// List the stages of the 'dvc.yaml' here, each with what it does
    List(List),
}

/// Add a stage to 'dvc.yaml'
///
/// The rest of the file stays as it is, comments included. Outputs that go to the cache are added to
/// '.gitignore'. The command is not run: see git-exp-run(1).
#[derive(Debug, clap::Args)]
struct Add {
    /// Name of the stage: letters, digits, '-' and '_'
    #[arg(short, long)]
    name: String,
    /// Replace a stage of the same name
    #[arg(short, long)]
    force: bool,
    /// File or directory that the command reads (can be repeated)
    #[arg(short, long, value_name = "path")]
    deps: Vec<String>,
    /// Params that the command reads: 'lr,seed', 'file:lr,seed', or 'file:' for a whole file (can be repeated)
    #[arg(short, long, value_name = "[file:]params")]
    params: Vec<String>,
    /// File or directory that the command writes (can be repeated)
    #[arg(short, long, value_name = "path")]
    outs: Vec<String>,
    /// The same, kept by git instead of the cache (can be repeated)
    #[arg(short = 'O', long, value_name = "path")]
    outs_no_cache: Vec<String>,
    /// Output that carries training from one checkpoint to the next (can be repeated)
    #[arg(short, long, value_name = "path")]
    checkpoints: Vec<String>,
    /// Output that is not removed before a run (can be repeated)
    #[arg(long, value_name = "path")]
    outs_persist: Vec<String>,
    /// The same, kept by git instead of the cache (can be repeated)
    #[arg(long, value_name = "path")]
    outs_persist_no_cache: Vec<String>,
    /// Metrics file (can be repeated)
    #[arg(short, long, value_name = "path")]
    metrics: Vec<String>,
    /// Metrics file, kept by git instead of the cache (can be repeated)
    #[arg(short = 'M', long, value_name = "path")]
    metrics_no_cache: Vec<String>,
    /// Plots file or directory (can be repeated)
    #[arg(long, value_name = "path")]
    plots: Vec<String>,
    /// Plots file or directory, kept by git instead of the cache (can be repeated)
    #[arg(long, value_name = "path")]
    plots_no_cache: Vec<String>,
    /// Directory that DVCLive writes: its 'metrics.json' and 'plots', kept by git and not removed before a run
    #[arg(long, value_name = "dir")]
    live: Option<String>,
    /// The same as --live
    #[arg(long, value_name = "dir", conflicts_with = "live")]
    live_no_cache: Option<String>,
    /// Directory to run the command in; the paths above are relative to it
    #[arg(short, long, value_name = "dir")]
    wdir: Option<String>,
    /// Run the stage every time, changed or not
    #[arg(long)]
    always_changed: bool,
    /// Description for people
    #[arg(long, value_name = "text")]
    desc: Option<String>,
    /// Not supported: outputs outside of the project
    #[arg(long, hide = true)]
    external: bool,
    /// Not supported: use git-exp-run(1)
    #[arg(long, hide = true)]
    run: bool,
    /// Command to run, with its arguments
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "command"
    )]
    command: Vec<String>,
}

/// List the stages of the 'dvc.yaml' here, each with what it does
#[derive(Debug, clap::Args)]
struct List {
    /// Stages to list: a name, that of a 'foreach' or 'matrix', '<dir>/dvc.yaml' or '<dir>/dvc.yaml:<name>'
    #[arg(value_name = "stage")]
    targets: Vec<String>,
    /// List only names
    #[arg(long, visible_alias = "names-only")]
    name_only: bool,
    /// List all stages of the project
    #[arg(long, conflicts_with = "targets")]
    all: bool,
    /// Fail if 'dvc.yaml' cannot be read, which is what is always done
    #[arg(long, hide = true)]
    fail: bool,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    match args.verb {
        Verb::Add(args) => add(ctx, *args),
        Verb::List(args) => list(ctx, &args),
    }
}

fn add(ctx: &Context, args: Add) -> Result<()> {
    if args.external {
        return Err(Error::refused(
            "outputs outside of the project are not supported",
        ));
    }
    if args.run {
        return Err(Error::usage("--run is not supported")
            .hint(format!("git exp run --single-item {}", args.name)));
    }
    let store = ctx.store()?;
    let folder =
        std::env::current_dir().context(|| "cannot read the current directory".to_owned())?;
    let (name, force) = (args.name.clone(), args.force);
    let added = stage::add(store, &folder, args.draft(), force)?;
    let verb = if added.replaced { "Replaced" } else { "Added" };
    ctx.out
        .status(&format!("{verb} stage '{name}' in 'dvc.yaml'"));
    for path in &added.later {
        ctx.out.warning(&format!(
            "'{path}' is not in a '.gitignore' yet: its folder does not exist; 'git exp run' adds it"
        ));
    }
    ctx.out.status("\nTo track the changes with git, run:\n");
    ctx.out
        .status(&format!("\tgit add {}", shell::words(&added.files)));
    Ok(())
}

impl Add {
    /// Returns the stage that the options describe; outputs in the order in which DVC takes them.
    fn draft(self) -> Draft {
        let mut draft = Draft {
            name: self.name,
            cmd: command_line(&self.command),
            wdir: self.wdir,
            deps: self.deps,
            always_changed: self.always_changed,
            desc: self.desc,
            ..Draft::default()
        };
        for params in &self.params {
            draft.add_params(params);
        }
        use OutputKind::{Metric, Out, Plot};
        let lists = [
            (self.outs_persist, Out, true, true),
            (self.outs_persist_no_cache, Out, false, true),
            (self.metrics, Metric, true, false),
            (self.metrics_no_cache, Metric, false, false),
            (self.plots, Plot, true, false),
            (self.plots_no_cache, Plot, false, false),
            (self.outs_no_cache, Out, false, false),
            (self.outs, Out, true, false),
        ];
        for (paths, kind, cache, persist) in lists {
            for path in paths {
                let mut out = Output::new(path, kind);
                out.cache = cache;
                out.persist = persist;
                draft.outs.push(out);
            }
        }
        for path in self.checkpoints {
            let mut out = Output::new(path, Out);
            out.checkpoint = true;
            draft.outs.push(out);
        }
        for folder in self.live.iter().chain(&self.live_no_cache) {
            draft.add_live(folder);
        }
        draft
    }
}

/// Joins the words of a command as DVC does: one word is a shell line, of several those with a blank
/// are quoted.
fn command_line(words: &[String]) -> String {
    if let [line] = words {
        return line.clone();
    }
    let quoted: Vec<String> = words
        .iter()
        .map(|word| match word {
            word if word.is_empty() => "\"\"".to_owned(),
            word if word.contains(' ') && !word.contains('"') => format!("\"{word}\""),
            word => word.clone(),
        })
        .collect();
    quoted.join(" ")
}

fn list(ctx: &Context, args: &List) -> Result<()> {
    let pipeline = stage::pipeline(ctx.store()?)?;
    let stages = stage::list(&pipeline, &args.targets, args.all)?;
    let width = stages.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for (name, description) in stages {
        if args.name_only {
            text += &format!("{name}\n");
        } else {
            text += &format!("{name:width$}  {description}\n");
        }
    }
    ctx.out.print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;
    use clap::Parser;
    use std::path::Path;

    fn draft(words: &[&str]) -> Draft {
        let words = ["git-exp-stage", "add"].iter().chain(words);
        match Args::try_parse_from(words).unwrap().verb {
            Verb::Add(add) => add.draft(),
            Verb::List(_) => unreachable!("not a list"),
        }
    }

    /// A project with the folders that the fixtures know.
    fn project() -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.write(".dvc/config", "");
        sandbox.write("sub/.keep", "");
        sandbox.write("data/.keep", "");
        sandbox
    }

    #[test]
    fn writes_what_dvc_writes() {
        let fixture = include_str!("../../tests/fixtures/pipeline/stage-add.json");
        let fixture: serde_json::Value = serde_json::from_str(fixture).unwrap();
        let mut wrong = String::new();
        for case in fixture["cases"].as_array().unwrap() {
            let sandbox = project();
            if let Some(before) = case["before"].as_str() {
                sandbox.write("dvc.yaml", before);
            }
            if let Some(ignored) = case["ignored"].as_str() {
                sandbox.write(".gitignore", ignored);
            }
            let words = case["args"].as_array().unwrap();
            let words: Vec<&str> = words.iter().map(|word| word.as_str().unwrap()).collect();
            let store = sandbox.store();
            let added = stage::add(&store, &sandbox.path(""), draft(&words), false).unwrap();
            let name = &case["name"];
            let read = |path: &str| fs_err::read_to_string(sandbox.path(path)).unwrap_or_default();
            let mut compare = |path: &str, expected: &serde_json::Value| {
                let expected = expected.as_str().unwrap();
                let written = read(path);
                if written != expected {
                    wrong += &format!("{name}: {path}\n{written}instead of\n{expected}\n");
                }
            };
            compare("dvc.yaml", &case["yaml"]);
            let ignored = case["gitignore"].as_object().unwrap();
            for (path, expected) in ignored {
                compare(path, expected);
            }
            let mut files: Vec<&str> = ignored.keys().map(String::as_str).collect();
            files.push("dvc.yaml");
            files.sort_unstable();
            assert_eq!(added.files, files, "{name}");
        }
        assert!(wrong.is_empty(), "{wrong}");
    }

    #[test]
    fn a_double_dash_ends_the_options_and_is_no_command() {
        // DVC writes `cmd: -- python …`, which no shell runs
        assert_eq!(
            draft(&["-n", "x", "--", "python", "-c", "1"]).cmd,
            "python -c 1"
        );
        assert_eq!(draft(&["-n", "x", "sh", "--", "-x"]).cmd, "sh -- -x");
    }

    #[test]
    fn dvclive_writes_outputs_of_the_stage() {
        for option in ["--live", "--live-no-cache"] {
            let sandbox = project();
            let draft = draft(&[
                "-n",
                "train",
                "-c",
                "model.pt",
                option,
                "dvclive/",
                "python t.py",
            ]);
            stage::add(&sandbox.store(), &sandbox.path(""), draft, false).unwrap();
            assert_eq!(
                fs_err::read_to_string(sandbox.path("dvc.yaml")).unwrap(),
                "\
stages:
  train:
    cmd: python t.py
    outs:
    - model.pt:
        checkpoint: true
    metrics:
    - dvclive/metrics.json:
        cache: false
        persist: true
    plots:
    - dvclive/plots:
        cache: false
        persist: true
"
            );
        }
    }

    #[test]
    fn refuses_before_it_writes() {
        let before = "stages:\n  first:\n    cmd: echo\n    deps: [d]\n    outs: [a]\n";
        for (words, message, hint) in [
            (
                "-n a.b echo",
                "bad stage name 'a.b': it has '.' in it",
                "use letters, digits, '-' and '_'",
            ),
            (
                "-n x",
                "no command is given",
                "git exp stage add -n x <options> <command>",
            ),
            ("-n x -d a -o ./a echo", "'./a' is given more than once", ""),
            (
                "-n first echo",
                "stage 'first' already exists in 'dvc.yaml'",
                "use --force to replace it",
            ),
            (
                "-n x -o a echo",
                "output 'a' of stage 'x' is also an output of stage 'first'",
                "each output needs a path of its own, outside of all others",
            ),
            (
                "-n x -o a/b echo",
                "output 'a/b' of stage 'x' lies inside output 'a' of stage 'first'",
                "each output needs a path of its own, outside of all others",
            ),
            (
                "-n x -d a -o d echo",
                "the stages form a cycle: first -> x -> first",
                "'first' writes 'a', which 'x' reads",
            ),
            (
                "-n x -d t -o t/b echo",
                "stage 'x' reads 't' and writes 't/b', which overlap",
                "an output that is read again is a checkpoint: list it in 'outs' only, with 'checkpoint: true'",
            ),
            (
                "-n x -o . echo",
                "output '.' in 'outs' of stage 'x' holds the pipeline itself",
                "",
            ),
            (
                "-n x -o ../y echo",
                "output '../y' lies outside of the project and cannot be cached",
                "--outs-no-cache '../y'",
            ),
            (
                "-n x -o tracked echo",
                "output 'tracked' is already tracked by git",
                "git rm -r --cached 'tracked'",
            ),
            (
                "-n x -w none echo",
                "working directory 'none' does not exist",
                "",
            ),
            (
                "-n x -w tracked echo",
                "working directory 'tracked' is not a directory",
                "",
            ),
            (
                "-n x echo ${a}",
                "'${a}' in 'cmd' of stage 'x' has no value",
                "values come from 'params.yaml' and 'vars'; write '\\${' for a variable of the shell",
            ),
        ] {
            let sandbox = project();
            sandbox.write("dvc.yaml", before);
            sandbox.write("tracked", "x");
            sandbox.commit("files");
            let words: Vec<&str> = words.split(' ').collect();
            let error =
                stage::add(&sandbox.store(), &sandbox.path(""), draft(&words), false).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.hints().first().map_or("", String::as_str), hint);
            assert_eq!(
                fs_err::read_to_string(sandbox.path("dvc.yaml")).unwrap(),
                before
            );
            assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
        }
    }

    #[test]
    fn replaces_by_force_and_keeps_what_no_option_says() {
        let sandbox = project();
        sandbox.write(
            "dvc.yaml",
            "\
stages:
  a:
    cmd: echo
    desc: old desc
    meta: {x: 1}
    outs:
    - m:
        desc: hello
        push: false
        checkpoint: true
    plots:
    - p.csv:
        x: a
",
        );
        let draft = draft(&["-f", "-n", "a", "-o", "m", "--plots", "p.csv", "echo", "x"]);
        let added = stage::add(&sandbox.store(), &sandbox.path(""), draft, true).unwrap();
        assert!(added.replaced);
        assert_eq!(
            fs_err::read_to_string(sandbox.path("dvc.yaml")).unwrap(),
            "\
stages:
  a:
    cmd: echo x
    desc: old desc
    meta: {x: 1}
    outs:
    - m:
        desc: hello
        push: false
    plots:
    - p.csv:
        x: a
"
        );
    }

    #[test]
    fn what_is_kept_of_a_replaced_stage_is_kept_as_written() {
        let sandbox = project();
        sandbox.write("params.yaml", "x: 1\n");
        sandbox.write(
            "dvc.yaml",
            "\
stages:
  a:
    cmd: echo
    desc: of ${x} and \\${y}
    meta: {n: '${x}'}
    outs:
    - m${x}:
        desc: ${x} ones
",
        );
        let draft = draft(&["-f", "-n", "a", "-o", "m${x}", "echo", "${x}"]);
        stage::add(&sandbox.store(), &sandbox.path(""), draft, true).unwrap();
        assert_eq!(
            fs_err::read_to_string(sandbox.path("dvc.yaml")).unwrap(),
            "\
stages:
  a:
    cmd: echo ${x}
    desc: of ${x} and \\${y}
    meta: {n: '${x}'}
    outs:
    - m${x}:
        desc: ${x} ones
"
        );
        let ignored = fs_err::read_to_string(sandbox.path(".gitignore")).unwrap();
        assert!(ignored.lines().any(|line| line == "/m1"), "{ignored}");
    }

    #[test]
    fn a_folder_has_a_pipeline_of_its_own() {
        let sandbox = project();
        sandbox.write("sub/deep/x", "");
        let words = ["-n", "x", "-w", "deep", "-d", "../../in", "-o", "y", "echo"];
        let added =
            stage::add(&sandbox.store(), &sandbox.path("sub"), draft(&words), false).unwrap();
        assert_eq!(added.files, ["deep/.gitignore", "dvc.yaml"]);
        assert_eq!(
            fs_err::read_to_string(sandbox.path("sub/dvc.yaml")).unwrap(),
            "stages:\n  x:\n    cmd: echo\n    wdir: deep\n    deps:\n    - ../../in\n    outs:\n    - y\n"
        );
        let pipeline = stage::pipeline(&sandbox.store()).unwrap();
        let added = pipeline.find("sub/dvc.yaml:x").unwrap();
        assert_eq!(added.outs[0].path, "sub/deep/y");
        let outside = stage::add(&sandbox.store(), Path::new("/"), draft(&words), false);
        assert_eq!(
            outside.unwrap_err().to_string(),
            "a pipeline stands inside of its project, and this is outside"
        );
    }
}
