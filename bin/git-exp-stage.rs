//! `git exp stage`.

fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::stage::run)
}
