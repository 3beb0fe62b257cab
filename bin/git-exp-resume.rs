//! `git exp resume`.

fn main() -> std::process::ExitCode {
    git_exp::cli::main(git_exp::command::resume::run)
}
