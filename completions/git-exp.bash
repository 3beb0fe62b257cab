# bash completion for 'git exp', through git's own completion: source this file after it, or put it
# under the name 'git-exp' into ~/.local/share/bash-completion/completions/.
#
# git calls _git_exp for 'git exp …'. Options come from the commands themselves
# (--git-completion-helper), names of experiments from 'git exp list --name-only', so that nothing
# here has to change when a command does.

_git_exp ()
{
	local commands command verbs verb

	commands="$(__git exp --git-completion-helper 2>/dev/null)"
	command="$(__git_find_on_cmdline "$commands")"
	if [ -z "$command" ]; then
		__gitcomp "$commands"
		return
	fi

	# A command such as 'metrics' has verbs, which the helper lists before the options.
	verbs="$(__git "exp-$command" --git-completion-helper 2>/dev/null |
		tr ' ' '\n' | grep -v '^-' | tr '\n' ' ')"
	if [ -n "${verbs// /}" ]; then
		verb="$(__git_find_on_cmdline "$verbs")"
		if [ -z "$verb" ]; then
			case "$cur" in
			--*) __gitcomp_builtin "exp-$command" ;;
			*) __gitcomp "$verbs" ;;
			esac
			return
		fi
		command="${command}_$verb"
	fi

	case "$command $prev" in
	"checkpoint --run")
		__gitcomp_nl "$(__git exp list --name-only 2>/dev/null)"
		return
		;;
	esac

	case "$cur" in
	--run=*)
		__gitcomp_nl "$(__git exp list --name-only 2>/dev/null)" "" "${cur#*=}"
		;;
	--*)
		__gitcomp_builtin "exp-$command"
		;;
	*)
		case "$command" in
		apply|branch|diff|metrics_diff|params_diff|plots_diff|push|pull|remove|rename|resume|show)
			__gitcomp_nl "$(__git exp list --name-only 2>/dev/null)
$(__git_refs)"
			;;
		esac
		;;
	esac
}
