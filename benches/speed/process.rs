//! What the kernel says about the runner, from `/proc`.

/// Returns the process id of the 'git exp run' above us.
pub fn runner() -> u32 {
    let mut id = std::process::id();
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        let (before, after) = stat.rsplit_once(") ").unwrap();
        if before.ends_with("git-exp-run") {
            return id;
        }
        id = after.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(id > 1, "no 'git exp run' above the trainer");
    }
}

/// Returns the processor time of all threads of a process, in milliseconds.
pub fn cpu(process: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks
        .filter_map(|task| {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        })
        .sum::<f64>()
        / 1e6
}

/// Returns how often a process has called `read` so far.
pub fn reads(process: u32) -> f64 {
    field(&format!("/proc/{process}/io"), "syscr:")
}

/// Returns the peak memory of a process, in KiB.
pub fn peak(process: u32) -> f64 {
    field(&format!("/proc/{process}/status"), "VmHWM:")
}

fn field(path: &str, name: &str) -> f64 {
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap().trim().trim_end_matches(" kB");
    value.parse().unwrap()
}
