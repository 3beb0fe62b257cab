//! `git exp run`: see `git_exp::command::run`.

fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::run::run)
}
