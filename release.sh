#!/bin/sh
# release.sh VERSION tags a release: of the module at the root, and of each
# nested module that others use. It changes no branch and pushes nothing.
#
# A nested module names the root, and other nested ones, by replacements, which count
# only in a clone. Its tag is therefore on a commit of its own, in which it requires
# their release instead. That commit is on no branch: the tags keep it.
set -eu
cd "$(dirname "$0")"

root=github.com/authnfsm/authn
nested="sqlstore redisstore etcdstore natsstore smtpmail webhooksend otelauthn webauthnfactor questionfactor cmd/authn-diagram cmd/authnctl"

version=${1-}
case $version in
v[0-9]*.[0-9]*.[0-9]*) ;;
*) echo "usage: ./release.sh vX.Y.Z" >&2 && exit 2 ;;
esac
if [ "$(git status --porcelain)" ]; then
	echo "release.sh: the working tree has changes that are not committed" >&2
	exit 1
fi
for m in "" $nested; do
	if git rev-parse -q --verify "refs/tags/${m:+$m/}$version" >/dev/null; then
		echo "release.sh: there is a tag ${m:+$m/}$version" >&2
		exit 1
	fi
done

branch=$(git symbolic-ref -q --short HEAD || git rev-parse HEAD)
trap 'git checkout -q -f "$branch"' EXIT
git tag -a -m "$version" "$version"
git checkout -q --detach
for m in $nested; do
	for r in $(go -C "$m" mod edit -print | sed -n "s#.*\($root[^ ]*\) => .*#\1#p"); do
		go -C "$m" mod edit -dropreplace="$r" -require="$r@$version"
	done
done
git commit -q -a -m "The nested modules of $version require what was released with them"
for m in $nested; do
	git tag -a -m "$m $version" "$m/$version"
done
git tag --list "$version" "*/$version"
