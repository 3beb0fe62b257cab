//! `git exp plots`.

use crate::cli::Context;
use crate::error::{Error, Result};
use crate::ops;
use crate::ops::plots::{Report, Request, Templates};
use crate::plot::definition::Axis;
use crate::plot::{Chart, Content, DEFAULT_TEMPLATE, Failure, Image, Props, vega};
use crate::store::Store;
use crate::ui::plots_page;
use crate::value::{Key, Map, Value};
use std::path::PathBuf;

/// Draw plots, and those of several experiments over each other
///
/// Plots are what 'dvc.yaml' declares as plots: JSON, YAML, CSV and TSV files, directories of them, and
/// pictures. They are written as one page that any browser shows, without a network: each revision
/// has its colour in all plots; click on it to hide it. The buttons over a plot save it as SVG or PNG.
///
/// Without a field for y it is the last one of a file; without one for x it is 'step', or the number
/// of the row. The templates are those of 'git exp plots templates'.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-plots", bin_name = "git exp plots")]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with plots.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Draw the plots of the workspace
    Show(Show),
    /// Draw the plots of several experiments, checkpoints or commits over each other
    Diff(Diff),
    /// List the built-in templates, or print one
    Templates(TemplatesArgs),
}

/// Arguments of `plots show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Plots, files or directories [all plots that 'dvc.yaml' declares if not given]
    #[arg(value_name = "target")]
    pub targets: Vec<String>,

    /// How to draw
    #[command(flatten)]
    pub drawing: Drawing,
}

/// Arguments of `plots diff`.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// Experiments, checkpoints or commits; the workspace joins a single one [HEAD if not given]
    #[arg(value_name = "revision")]
    pub revisions: Vec<String>,

    /// Plots, files or directories [all plots that 'dvc.yaml' declares if not given]
    #[arg(long, value_name = "target", num_args = 1..)]
    pub targets: Vec<String>,

    /// How to draw
    #[command(flatten)]
    pub drawing: Drawing,
}

/// Arguments of `plots templates`.
#[derive(Debug, clap::Args)]
pub struct TemplatesArgs {
    /// The template to print [list all if not given]
    #[arg(value_name = "name")]
    pub name: Option<String>,
}

/// How to draw, and into what.
#[derive(Debug, clap::Args)]
pub struct Drawing {
    /// Draw with this template: a built-in one, one in '.dvc/plots', or a file
    #[arg(short, long, value_name = "template")]
    pub template: Option<String>,

    /// Field along x
    #[arg(short, value_name = "field")]
    pub x: Option<String>,

    /// Field along y
    #[arg(short, value_name = "field")]
    pub y: Option<String>,

    /// The first line of CSV and TSV files is data
    #[arg(long)]
    pub no_header: bool,

    /// Title of the plots
    #[arg(long, value_name = "text")]
    pub title: Option<String>,

    /// Title of the x axis
    #[arg(long, value_name = "text")]
    pub x_label: Option<String>,

    /// Title of the y axis
    #[arg(long, value_name = "text")]
    pub y_label: Option<String>,

    /// Write the page into <dir> ['dvc_plots' if not given]
    #[arg(short, long, value_name = "dir")]
    pub out: Option<PathBuf>,

    /// Print all plots as JSON with Vega-Lite specifications
    #[arg(long, alias = "show-json", conflicts_with_all = ["show_vega", "open"])]
    pub json: bool,

    /// Print the Vega-Lite specification of one plot
    #[arg(long, conflicts_with = "open")]
    pub show_vega: bool,

    /// Open the page in a browser
    #[arg(long)]
    pub open: bool,
}

impl Drawing {
    fn props(&self) -> Props {
        Props {
            x: self.x.clone().map(Axis::field),
            y: self.y.clone().map(Axis::field),
            template: self.template.clone(),
            title: self.title.clone(),
            x_label: self.x_label.clone(),
            y_label: self.y_label.clone(),
            header: self.no_header.then_some(false),
        }
    }
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    let (revisions, targets, drawing) = match args.verb {
        Verb::Templates(args) => return templates(ctx, args.name.as_deref()),
        Verb::Show(args) => {
            let workspace = vec![ops::state::WORKSPACE.to_owned()];
            (workspace, args.targets, args.drawing)
        }
        Verb::Diff(args) => (
            ops::plots::revisions(&args.revisions),
            args.targets,
            args.drawing,
        ),
    };
    if drawing.show_vega && targets.len() != 1 {
        return Err(Error::usage("--show-vega needs exactly one target"));
    }
    let store = ctx.store()?;
    let request = Request {
        revisions,
        targets: ops::plots::targets(store, &targets)?,
        props: drawing.props(),
    };
    let mut templates = Templates::default();
    if let Some(name) = &drawing.template {
        // a wrong name is said before anything is read
        templates.get(store, name)?;
    }
    let report = ops::plots::collect(store, &request)?;
    if drawing.json {
        return json(ctx, store, &report, templates, &drawing);
    }
    for failure in &report.failures {
        ctx.out.warning(&sentence(failure));
    }
    if drawing.show_vega {
        return show_vega(ctx, store, &report, templates, &targets[0]);
    }
    if report.plots.is_empty() {
        ctx.out
            .status("no plots were found, so no page was written");
        return Ok(());
    }
    let page = plots_page::html(&report.plots, &request.revisions, &plots_page::library());
    let folder = match drawing.out {
        Some(folder) => folder,
        None => ops::plots::default_folder(store)?.into(),
    };
    let address = ops::plots::write_page(&folder, &page)?;
    ctx.out.print(&format!("{address}\n"))?;
    if drawing.open && !crate::runner::browser::open(&address) {
        ctx.out.warning("no browser could be started");
    }
    Ok(())
}

fn sentence(failure: &Failure) -> String {
    let of = match &failure.plot {
        Some(plot) => format!("plot '{plot}'"),
        None => "the plots".to_owned(),
    };
    format!(
        "cannot draw {of} of '{}': {}",
        failure.revision, failure.message
    )
}

fn templates(ctx: &Context, name: Option<&str>) -> Result<()> {
    let Some(name) = name else {
        let names = vega::TEMPLATES.map(|(name, _)| format!("{name}\n"));
        return ctx.out.print(&names.concat());
    };
    match vega::built_in(name) {
        Some(text) => ctx.out.print(text),
        None => {
            let error = Error::missing(format!("no built-in template '{name}'"));
            Err(error.hint("use 'git exp plots templates' to list them"))
        }
    }
}

fn show_vega(
    ctx: &Context,
    store: &Store,
    report: &Report,
    mut templates: Templates,
    target: &str,
) -> Result<()> {
    let mut charts = report.plots.iter().filter_map(|plot| match &plot.content {
        Content::Chart(chart) if !chart.series.is_empty() => Some(chart),
        _ => None,
    });
    let Some(chart) = charts.next() else {
        return Err(Error::missing(format!("nothing to draw in '{target}'")));
    };
    let template = templates.get(store, &chart.template)?;
    let filled = vega::fill(template, chart, vega::labelled_rows(chart));
    ctx.out.print(&(filled.to_python_json() + "\n"))
}

/// Prints `{"errors": […], "data": {plot: […]}}` as DVC does, without what is empty.
fn json(
    ctx: &Context,
    store: &Store,
    report: &Report,
    mut templates: Templates,
    drawing: &Drawing,
) -> Result<()> {
    let mut failures: Vec<Failure> = report.failures.clone();
    let mut data = Map::new();
    for plot in &report.plots {
        let items = match &plot.content {
            Content::Images(images) => images_json(images, drawing)?,
            Content::Chart(chart) => {
                let template = match templates.get(store, &chart.template) {
                    Ok(template) => template.clone(),
                    Err(error) => {
                        failures.push(Failure {
                            plot: Some(plot.id.clone()),
                            revision: String::new(),
                            source: None,
                            message: error.chain(),
                        });
                        templates.get(store, DEFAULT_TEMPLATE)?.clone()
                    }
                };
                chart_json(chart, &template)
            }
        };
        data.insert(Key::from(&plot.id), Value::from(items));
    }
    let mut top = Map::new();
    if !failures.is_empty() {
        let errors = failures.iter().map(failure_json).collect();
        top.insert("errors".into(), Value::List(errors));
    }
    if !data.is_empty() {
        top.insert("data".into(), Value::from(data));
    }
    ctx.out.print(&(Value::from(top).to_python_json() + "\n"))
}

fn failure_json(failure: &Failure) -> Value {
    let mut entry = Map::new();
    for (key, text) in [
        ("name", failure.plot.as_deref()),
        ("rev", Some(failure.revision.as_str())),
        ("source", failure.source.as_deref()),
        ("type", Some("PlotError")),
        ("msg", Some(failure.message.as_str())),
    ] {
        if let Some(text) = text {
            entry.insert(key.into(), Value::from(text));
        }
    }
    Value::from(entry)
}

fn images_json(images: &[Image], drawing: &Drawing) -> Result<Vec<Value>> {
    let urls = match &drawing.out {
        Some(folder) => ops::plots::write_images(folder, images)?,
        None => images.iter().map(Image::data_uri).collect(),
    };
    let entry = |(image, url): (&Image, String)| {
        let mut entry = Map::new();
        let revision = Value::from(image.revision.as_str());
        entry.insert("type".into(), Value::from("image"));
        entry.insert("revisions".into(), Value::from(vec![revision]));
        entry.insert("url".into(), Value::from(url));
        Value::from(entry)
    };
    Ok(images.iter().zip(urls).map(entry).collect())
}

fn chart_json(chart: &Chart, template: &Value) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut by_revision = Map::new();
    for series in &chart.series {
        let own = vega::versioned_rows(series);
        rows.extend(own.iter().cloned());
        let known = by_revision
            .entry(Key::from(&series.revision))
            .or_insert_with(|| Value::from(Vec::new()));
        if let Value::List(known) = known {
            known.extend(own);
        }
    }
    if by_revision.is_empty() {
        return Vec::new();
    }
    let mut revisions: Vec<String> = by_revision.keys().map(ToString::to_string).collect();
    revisions.sort();
    let revisions = revisions.into_iter().map(Value::from).collect();
    let mut entry = Map::new();
    entry.insert("type".into(), Value::from("vega"));
    entry.insert("revisions".into(), Value::List(revisions));
    let content = vega::fill(template, chart, Value::from(rows));
    entry.insert("content".into(), content);
    entry.insert("datapoints".into(), Value::from(by_revision));
    vec![Value::from(entry)]
}
