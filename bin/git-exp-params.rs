//! `git exp params`; see `git_exp::command::params`.
fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::params::run)
}
