//! `git exp checkpoint`.

fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::checkpoint::run)
}
