//! `git exp show`: see `git_exp::command::show`.

fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::show::run)
}
