// Package gitsource takes files out of a commit of a Git repository: the files as
// they were committed, whatever lies in the working copy.
//
// It owns how the program git is asked, what is believed of its answers, and which
// bytes a signature of a commit or of an annotated tag is over. Of git nothing is
// believed but bytes: the id of each object, from the commit down to each file, is
// computed again, so that whoever has verified the signature of the commit knows
// that it covers the files. It must not know who is trusted (package trust
// verifies), nor what stands in the files. The command line calls it.
//
// Repositories are files of strangers: git runs without hooks, without replaced
// objects, without anybody's configuration but the repository's own, fetches
// nothing, and its answers are bounded in size, number and time.
package gitsource
