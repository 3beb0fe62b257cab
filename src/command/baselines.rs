//! Which baselines' experiments a command lists.

/// Options that choose commits.
#[derive(Debug, clap::Args)]
pub struct Baselines {
    /// List experiments of all commits
    #[arg(short = 'A', long)]
    pub all_commits: bool,

    /// List experiments that started from <commit> [HEAD if not given] (can be repeated)
    #[arg(long, value_name = "commit")]
    pub rev: Vec<String>,

    /// Also from the <num>-1 commits before each <commit>; all of them if negative
    #[arg(
        short,
        long,
        value_name = "num",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    pub num: i64,
}
