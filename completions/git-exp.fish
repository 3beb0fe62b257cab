# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_git_exp_global_optspecs
    string join \n
end

function __fish_git_exp_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_git_exp_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_git_exp_using_subcommand
    set -l cmd (__fish_git_exp_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "init" -d 'Make a repository ready for experiments'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "stage" -d 'Add stages to the pipeline and list them'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "run" -d 'Run the pipeline and save checkpoints'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "resume" -d 'Go on with an experiment or a checkpoint'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "checkpoint" -d 'Signal a checkpoint and wait until it is taken'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "status" -d 'Show which experiments run, and which can be gone on with'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "show" -d 'Show experiments and their checkpoints as a table'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "list" -d 'List the names of experiments'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "log" -d 'Print what the runs of an experiment have printed'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "diff" -d 'Compare metrics, params and code of two experiments'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "metrics" -d 'Show metrics, and compare those of two experiments'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "params" -d 'Compare the params of two experiments'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "plots" -d 'Draw plots, and those of several experiments over each other'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "apply" -d 'Put a checkpoint into the workspace'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "undo" -d 'Take the last apply, remove, gc or rename back'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "branch" -d 'Make a git branch of a checkpoint'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "remove" -d 'Remove experiments'
complete -c git-exp -n "__fish_git_exp_needs_command" -f -a "gc" -d 'Remove experiments that nobody based their work on'
complete -c git-exp -n "__fish_git_exp_using_subcommand init" -l dvc-format -d 'Write \'dvc.lock\' and the cache as this version of DVC does' -r -f -a "2\t''
3\t''
auto\t''"
complete -c git-exp -n "__fish_git_exp_using_subcommand init" -l subdir -d 'Make the current folder a project although it is not the top of the work tree'
complete -c git-exp -n "__fish_git_exp_using_subcommand init" -s f -l force -d 'Make the config of an existing \'.dvc\' new'
complete -c git-exp -n "__fish_git_exp_using_subcommand init" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand init" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand init" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and not __fish_seen_subcommand_from add list" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and not __fish_seen_subcommand_from add list" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and not __fish_seen_subcommand_from add list" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and not __fish_seen_subcommand_from add list" -f -a "add" -d 'Add a stage to \'dvc.yaml\''
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and not __fish_seen_subcommand_from add list" -f -a "list" -d 'List the stages of the \'dvc.yaml\' here, each with what it does'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s n -l name -d 'Name of the stage: letters, digits, \'-\' and \'_\'' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s d -l deps -d 'File or directory that the command reads (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s p -l params -d 'Params that the command reads: \'lr,seed\', \'file:lr,seed\', or \'file:\' for a whole file (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s o -l outs -d 'File or directory that the command writes (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s O -l outs-no-cache -d 'The same, kept by git instead of the cache (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s c -l checkpoints -d 'Output that carries training from one checkpoint to the next (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -l outs-persist -d 'Output that is not removed before a run (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -l outs-persist-no-cache -d 'The same, kept by git instead of the cache (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s m -l metrics -d 'Metrics file (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s M -l metrics-no-cache -d 'Metrics file, kept by git instead of the cache (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -l plots -d 'Plots file or directory (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -l plots-no-cache -d 'Plots file or directory, kept by git instead of the cache (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -l live -d 'Directory that DVCLive writes: its \'metrics.json\' and \'plots\', kept by git and not removed before a run' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -l live-no-cache -d 'The same as --live' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s w -l wdir -d 'Directory to run the command in; the paths above are relative to it' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -l desc -d 'Description for people' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s f -l force -d 'Replace a stage of the same name'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -l always-changed -d 'Run the stage every time, changed or not'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -l run -d 'Not supported: use git-exp-run(1)'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from list" -l name-only -l names-only -d 'List only names'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from list" -l all -d 'List all stages of the project'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand stage; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s n -l name -d 'Name a new experiment or a fork' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s S -l set-param -d 'Set a param before the run: \'[<file>:]<key>=<value>\' (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s M -l message -d 'Use this as the message of the checkpoints' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s j -l jobs -d 'Run up to this many stages at the same time (1 if not given)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s r -l rev -d 'Go on from this checkpoint, or start at this commit, instead of the workspace; with \'--temp\'' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s C -l copy-paths -d 'Take this file or folder along, which neither git nor the cache has; with \'--temp\' (can be repeated)' -r -F
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s f -l force -d 'Run stages that did not change too, and replace an experiment of the same name'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -l reset -d 'Start anew from HEAD: checkpoint outputs are removed first'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s s -l single-item -d 'Run the named stages only, not what they depend on'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -l downstream -d 'Run the named stages and all that depend on them'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s p -l pipeline -d 'Run everything that the named stages are connected with'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s P -l all-pipelines -d 'Run all stages of all \'dvc.yaml\' files of the project'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s R -l recursive -d 'Take a folder for all \'dvc.yaml\' files in it, as \'<dir>/\' does without this'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -l force-downstream -d 'Run stages that read what a stage of this run wrote, even if it is the same as before'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -l no-run-cache -d 'Run stages even if the run cache has what an earlier run of them with the same inputs wrote'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -l no-hydra -d 'Take the params as they are, though DVC\'s config wants them composed by Hydra'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -l allow-missing -d 'Do not run a stage because its data is missing, if nothing else changed'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -l pull -d 'Fetch missing data from DVC\'s remote, which has to be a folder; what it lacks too is made anew'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s k -l keep-going -d 'When a stage fails, go on with those that do not depend on it'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -l ignore-errors -d 'When a stage fails, go on with all others, and exit with 0'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s i -l interactive -d 'Ask before each stage that is to run'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -l dry -d 'Say what would run and why, and change nothing'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s m -l metrics -d 'Show the metrics when the run is over'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -l temp -d 'Run in a worktree of its own, which goes when the run is over; the workspace stays as it is'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand run" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s n -l name -d 'Name the fork, if it is one' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s S -l set-param -d 'Set a param before the run: \'[<file>:]<key>=<value>\' (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s M -l message -d 'Use this as the message of the checkpoints' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s j -l jobs -d 'Run up to this many stages at the same time (1 if not given)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s f -l force -d 'Replace unsaved code and params too, after saving them for \'git exp undo\'; run stages that did not change too; replace an experiment of the same name'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s s -l single-item -d 'Run the named stages only, not what they depend on'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -l downstream -d 'Run the named stages and all that depend on them'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s p -l pipeline -d 'Run everything that the named stages are connected with'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s P -l all-pipelines -d 'Run all stages of all \'dvc.yaml\' files of the project'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s R -l recursive -d 'Take a folder for all \'dvc.yaml\' files in it, as \'<dir>/\' does without this'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -l force-downstream -d 'Run stages that read what a stage of this run wrote, even if it is the same as before'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -l no-run-cache -d 'Run stages even if the run cache has what an earlier run of them with the same inputs wrote'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -l no-hydra -d 'Take the params as they are, though DVC\'s config wants them composed by Hydra'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -l allow-missing -d 'Do not run a stage because its data is missing, if nothing else changed'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -l pull -d 'Fetch missing data from DVC\'s remote, which has to be a folder; what it lacks too is made anew'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s k -l keep-going -d 'When a stage fails, go on with those that do not depend on it'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -l ignore-errors -d 'When a stage fails, go on with all others, and exit with 0'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s i -l interactive -d 'Ask before each stage that is to run'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -l dry -d 'Say what would run and why, and change nothing'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -l attach -d 'Go on answering training whose run was killed'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand resume" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand checkpoint" -l run -d 'Ask the run of this experiment, from outside of it' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand checkpoint" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand checkpoint" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand checkpoint" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand status" -l porcelain -d 'Print a line per experiment in a format that stays as it is'
complete -c git-exp -n "__fish_git_exp_using_subcommand status" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand status" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand status" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l rev -d 'List experiments that started from <commit> [HEAD if not given] (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -s n -l num -d 'Also from the <num>-1 commits before each <commit>; all of them if negative' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l drop -d 'Leave out columns that match <pattern> (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l keep -d 'Show columns that match <pattern>, whatever --drop and --only-changed say (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l sort-by -d 'Sort the experiments of a baseline by a metric or param of their tips' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l sort-order -d 'Sort up or down; what is missing comes last' -r -f -a "asc\t''
desc\t''"
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l precision -d 'Round floats to <n> significant digits [5 if not given; with --csv all]' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -s A -l all-commits -d 'List experiments of all commits'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -s a -l all-branches -d 'Show experiments that started from the tips of branches'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -s T -l all-tags -d 'Show experiments that started from tags'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l no-pager -d 'Print all at once'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l only-changed -d 'Show only columns whose values differ'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l param-deps -d 'Show only params that stages declare'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l sha -d 'Show ids of baselines, not names of branches and tags'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l hide-failed -d 'Leave out experiments whose last run failed'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l hide-queued -d 'Leave out experiments that wait for their run (there are none yet)'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l hide-workspace -d 'Leave out the workspace'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l json -d 'Print as JSON'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l csv -d 'Print as CSV'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l md -d 'Print as a table in GitHub\'s Markdown'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -s f -l force -d 'Read everything again, whatever earlier commands remembered'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand show" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand list" -l rev -d 'List experiments that started from <commit> [HEAD if not given] (can be repeated)' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand list" -s n -l num -d 'Also from the <num>-1 commits before each <commit>; all of them if negative' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand list" -s A -l all-commits -d 'List experiments of all commits'
complete -c git-exp -n "__fish_git_exp_using_subcommand list" -l name-only -d 'Print names only'
complete -c git-exp -n "__fish_git_exp_using_subcommand list" -l sha-only -d 'Print full ids of tips only'
complete -c git-exp -n "__fish_git_exp_using_subcommand list" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand list" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand list" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand log" -s f -l follow -d 'Go on printing until the run ends'
complete -c git-exp -n "__fish_git_exp_using_subcommand log" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand log" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand log" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand diff" -l precision -d 'Round metrics to <n> significant digits [5 if not given]' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand diff" -l all -d 'Show also what does not differ'
complete -c git-exp -n "__fish_git_exp_using_subcommand diff" -l json -d 'Print as JSON'
complete -c git-exp -n "__fish_git_exp_using_subcommand diff" -l md -d 'Print as tables in GitHub\'s Markdown'
complete -c git-exp -n "__fish_git_exp_using_subcommand diff" -l no-path -d 'Leave out the files\' names'
complete -c git-exp -n "__fish_git_exp_using_subcommand diff" -l param-deps -d 'Show only params that stages declare'
complete -c git-exp -n "__fish_git_exp_using_subcommand diff" -s p -l code -d 'Show how code and params files differ'
complete -c git-exp -n "__fish_git_exp_using_subcommand diff" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand diff" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand diff" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and not __fish_seen_subcommand_from show diff" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and not __fish_seen_subcommand_from show diff" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and not __fish_seen_subcommand_from show diff" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and not __fish_seen_subcommand_from show diff" -f -a "show" -d 'Show the metrics of the workspace, or of many commits'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and not __fish_seen_subcommand_from show diff" -f -a "diff" -d 'Show the metrics that differ between two experiments, checkpoints or commits'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from show" -l precision -d 'Round metrics to <n> significant digits [5 if not given]' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from show" -s a -l all-branches -d 'Show the tips of all branches'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from show" -s T -l all-tags -d 'Show all tags'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from show" -s A -l all-commits -d 'Show all commits'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from show" -l json -d 'Print as JSON'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from show" -l md -d 'Print as tables in GitHub\'s Markdown'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from show" -s R -l recursive -d 'Accepted because DVC has it: a directory always means all below it'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from diff" -l targets -d 'Compare only these files, or those in these directories, declared or not' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from diff" -l precision -d 'Round metrics to <n> significant digits [5 if not given]' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from diff" -l all -d 'Show also what does not differ'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from diff" -l json -d 'Print as JSON'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from diff" -l md -d 'Print as tables in GitHub\'s Markdown'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from diff" -l no-path -d 'Leave out the files\' names'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from diff" -s R -l recursive -d 'Accepted because DVC has it: a directory always means all below it'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand metrics; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and not __fish_seen_subcommand_from diff" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and not __fish_seen_subcommand_from diff" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and not __fish_seen_subcommand_from diff" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and not __fish_seen_subcommand_from diff" -f -a "diff" -d 'Show the params that differ between two experiments, checkpoints or commits'
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and __fish_seen_subcommand_from diff" -l targets -d 'Compare only these files, or those in these directories, declared or not' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and __fish_seen_subcommand_from diff" -l all -d 'Show also what does not differ'
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and __fish_seen_subcommand_from diff" -l json -d 'Print as JSON'
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and __fish_seen_subcommand_from diff" -l md -d 'Print as tables in GitHub\'s Markdown'
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and __fish_seen_subcommand_from diff" -l no-path -d 'Leave out the files\' names'
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and __fish_seen_subcommand_from diff" -l deps -d 'Show only params that stages declare'
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand params; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and not __fish_seen_subcommand_from show diff templates" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and not __fish_seen_subcommand_from show diff templates" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and not __fish_seen_subcommand_from show diff templates" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and not __fish_seen_subcommand_from show diff templates" -f -a "show" -d 'Draw the plots of the workspace'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and not __fish_seen_subcommand_from show diff templates" -f -a "diff" -d 'Draw the plots of several experiments, checkpoints or commits over each other'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and not __fish_seen_subcommand_from show diff templates" -f -a "templates" -d 'List the built-in templates, or print one'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -s t -l template -d 'Draw with this template: a built-in one, one in \'.dvc/plots\', or a file' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -s x -d 'Field along x' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -s y -d 'Field along y' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -l title -d 'Title of the plots' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -l x-label -d 'Title of the x axis' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -l y-label -d 'Title of the y axis' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -s o -l out -d 'Write the page into <dir> [\'dvc_plots\' if not given]' -r -F
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -l no-header -d 'The first line of CSV and TSV files is data'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -l json -d 'Print all plots as JSON with Vega-Lite specifications'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -l show-vega -d 'Print the Vega-Lite specification of one plot'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -l open -d 'Open the page in a browser'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -l targets -d 'Plots, files or directories [all plots that \'dvc.yaml\' declares if not given]' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -s t -l template -d 'Draw with this template: a built-in one, one in \'.dvc/plots\', or a file' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -s x -d 'Field along x' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -s y -d 'Field along y' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -l title -d 'Title of the plots' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -l x-label -d 'Title of the x axis' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -l y-label -d 'Title of the y axis' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -s o -l out -d 'Write the page into <dir> [\'dvc_plots\' if not given]' -r -F
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -l no-header -d 'The first line of CSV and TSV files is data'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -l json -d 'Print all plots as JSON with Vega-Lite specifications'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -l show-vega -d 'Print the Vega-Lite specification of one plot'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -l open -d 'Open the page in a browser'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from templates" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand plots; and __fish_seen_subcommand_from templates" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand apply" -s f -l force -d 'Replace unsaved code and params too, after saving them for \'git exp undo\''
complete -c git-exp -n "__fish_git_exp_using_subcommand apply" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand apply" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand apply" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand undo" -l list -d 'List what can be taken back, newest first, and change nothing'
complete -c git-exp -n "__fish_git_exp_using_subcommand undo" -s f -l force -d 'Replace files that were changed since, after saving them as an entry of their own'
complete -c git-exp -n "__fish_git_exp_using_subcommand undo" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand undo" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand undo" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand branch" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand branch" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand branch" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand remove" -l rev -d 'Remove the experiments that started from this commit' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand remove" -s n -l num -d 'Remove those of this many commits, from the commit of \'--rev\' back; all if negative' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand remove" -s A -l all-commits -d 'Remove the experiments of all commits'
complete -c git-exp -n "__fish_git_exp_using_subcommand remove" -l keep -d 'Keep the experiments that are named or selected, and remove all others'
complete -c git-exp -n "__fish_git_exp_using_subcommand remove" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand remove" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand remove" -l version -d 'Print the version'
complete -c git-exp -n "__fish_git_exp_using_subcommand gc" -l date -d 'Keep the experiments of commits from this day on' -r
complete -c git-exp -n "__fish_git_exp_using_subcommand gc" -s w -l workspace -d 'Keep the experiments of the current commit'
complete -c git-exp -n "__fish_git_exp_using_subcommand gc" -s a -l all-branches -d 'Keep the experiments of the tips of all branches'
complete -c git-exp -n "__fish_git_exp_using_subcommand gc" -s T -l all-tags -d 'Keep the experiments of all tags'
complete -c git-exp -n "__fish_git_exp_using_subcommand gc" -s A -l all-commits -d 'Keep the experiments of all commits that a branch or a tag leads to'
complete -c git-exp -n "__fish_git_exp_using_subcommand gc" -s f -l force -d 'Do not ask'
complete -c git-exp -n "__fish_git_exp_using_subcommand gc" -l dry-run -d 'Show what would be removed, and remove nothing'
complete -c git-exp -n "__fish_git_exp_using_subcommand gc" -s q -l quiet -d 'Print results and errors, no status'
complete -c git-exp -n "__fish_git_exp_using_subcommand gc" -s v -l verbose -d 'Print more about what is done'
complete -c git-exp -n "__fish_git_exp_using_subcommand gc" -l version -d 'Print the version'
complete -c git-exp -n "__fish_seen_subcommand_from checkpoint" -l run -x -a "(git exp list --name-only 2>/dev/null)"
complete -c git-exp -n "__fish_seen_subcommand_from resume log apply branch remove" -f -a "(git exp list --name-only 2>/dev/null)"

# 'git exp …' is completed as 'git-exp …': source this file from config.fish.
function __fish_git_exp_under_git
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = exp
end

function __fish_git_exp_words_under_git
    set -l words (commandline -opc)
    complete -C (string join ' ' -- git-exp $words[3..] (commandline -ct))
end

complete -c git -n __fish_git_exp_under_git -f -a "(__fish_git_exp_words_under_git)"
