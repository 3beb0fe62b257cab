//! `git exp list`: see `git_exp::command::list`.

fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::list::run)
}
