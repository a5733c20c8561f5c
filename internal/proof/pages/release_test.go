package pages

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// consumer is a host's program, in a module of its own.
const consumer = `package main

import (
	_ "github.com/authnfsm/authn"
	_ "github.com/authnfsm/authn/etcdstore"
	_ "github.com/authnfsm/authn/httphost"
	_ "github.com/authnfsm/authn/memstore"
	_ "github.com/authnfsm/authn/natsstore"
	_ "github.com/authnfsm/authn/okta"
	_ "github.com/authnfsm/authn/operate"
	_ "github.com/authnfsm/authn/otelauthn"
	_ "github.com/authnfsm/authn/questionfactor"
	_ "github.com/authnfsm/authn/redisstore"
	_ "github.com/authnfsm/authn/smtpmail"
	_ "github.com/authnfsm/authn/sqlstore"
	_ "github.com/authnfsm/authn/webauthnfactor"
	_ "github.com/authnfsm/authn/webhooksend"
)

func main() {}
`

// nested are the modules with packages for hosts, besides the root.
var nested = []string{"sqlstore", "redisstore", "etcdstore", "natsstore", "smtpmail", "webhooksend", "otelauthn", "webauthnfactor", "questionfactor"}

// commandModules are the modules of commands that hosts install.
var commandModules = []string{"cmd/authn-diagram", "cmd/authnctl"}

// release releases a copy of this repository and publishes what was pushed by a
// proxy in a directory. A host gets every module from it, and go install the
// commands: none needs a replacement.
func (r *reader) release() {
	clone, origin := r.TempDir(), r.TempDir()
	visitFiles(r.T, ".", func(name string) {
		to := filepath.Join(clone, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			r.Fatal(err)
		}
		info, err := os.Stat(name)
		if err == nil {
			err = os.WriteFile(to, []byte(read(r.T, name)), info.Mode())
		}
		if err != nil {
			r.Fatal(err)
		}
	}, func(string) bool { return true })
	git := func(dir string, words ...string) string {
		r.Helper()
		return run(r.T, dir, append(os.Environ(), identity...), append([]string{"git"}, words...)...)
	}
	git(origin, "init", "-q", "--bare")
	git(clone, "init", "-q", "-b", "main")
	git(clone, "remote", "add", "origin", origin)
	git(clone, "add", "-A")
	git(clone, "commit", "-q", "-m", "all")
	main := git(clone, "rev-parse", "main")

	fill(r.T, clone)

	words := strings.Fields(r.line)
	version := words[1]
	run(r.T, clone, append(os.Environ(), identity...), words...)
	if got := git(clone, "rev-parse", "HEAD"); got != main || git(clone, "status", "--porcelain") != "" {
		r.Errorf("it has changed the branch: %s", git(clone, "status"))
	}
	if out, err := exec.Command(filepath.Join(clone, words[0]), version).CombinedOutput(); err == nil {
		r.Errorf("the same release twice:\n%s", out)
	}
	git(clone, "push", "-q", "origin", "--tags")

	proxy, pushed := r.TempDir(), filepath.Join(r.TempDir(), "pushed")
	git(clone, "clone", "-q", origin, pushed)
	tags := strings.Fields(git(pushed, "tag"))
	for _, tag := range tags {
		git(pushed, "checkout", "-q", tag)
		dir := path.Dir(tag) // "." for the root
		publish(r.T, proxy, filepath.Join(pushed, dir), path.Join("github.com/authnfsm/authn", dir), version)
	}
	if len(tags) != 12 {
		r.Errorf("tags: %q", tags)
	}
	env := offline(r.T, proxy)
	host := consume(r.T, env)
	get := []string{"go", "get"}
	for _, m := range nested { // which bring the root with them
		get = append(get, path.Join("github.com/authnfsm/authn", m)+"@"+version)
	}
	run(r.T, host, env, get...)
	run(r.T, host, env, "go", "list", "-deps", ".") // every package is found
	mod := read(r.T, filepath.Join(host, "go.mod"))
	if n, good := strings.Count(mod, "github.com/authnfsm/"), strings.Count(mod, " "+version); n != 10 || good != 10 || strings.Contains(mod, "replace") {
		r.Errorf("the host's go.mod is\n%s", mod)
	}
	run(r.T, host, env, "go", "build", "github.com/authnfsm/authn/sqlstore")
	for _, command := range commandModules {
		run(r.T, host, env, "go", "install", "-n", "github.com/authnfsm/authn/"+command+"@"+version)
	}
}

// fill fills the module cache with what a host gets besides: all modules of the
// clone together may need other versions than the workspace does.
func fill(t *testing.T, clone string) {
	t.Helper()
	env := append(os.Environ(), "GOWORK=off")
	host, edit := consume(t, env), []string{"go", "mod", "edit"}
	for _, m := range append([]string{""}, nested...) {
		edit = append(edit, "-replace="+path.Join("github.com/authnfsm/authn", m)+"="+filepath.Join(clone, m))
	}
	run(t, host, env, edit...)
	run(t, host, env, "go", "list", "-mod=mod", "-deps", ".")
	for _, command := range commandModules {
		run(t, filepath.Join(clone, command), env, "go", "list", "-deps", ".")
	}
}

// consume begins a host's module.
func consume(t *testing.T, env []string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(consumer), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, env, "go", "mod", "init", "example.com/host")
	return dir
}

// byRelease does nothing: release runs the line, on its copy.
func (r *reader) byRelease() {}

// identity is that of the one who releases, and no configuration.
var identity = []string{
	"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_SYSTEM=" + os.DevNull,
	"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.com",
}

// run runs a program in dir and returns what it says.
func run(t *testing.T, dir string, env []string, words ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Dir, cmd.Env = dir, env
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s%s", words, err, out, &errs)
	}
	return string(out)
}

// offline returns an environment with a proxy in a directory, and all else from
// the module cache of these tests.
func offline(t *testing.T, proxy string) []string {
	t.Helper()
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "GOWORK=", "GOSUMDB=off", "GOFLAGS=-modcacherw", "GOMODCACHE="+t.TempDir(),
		"GOPROXY=file://"+proxy+",file://"+strings.TrimSpace(string(cache))+"/cache/download")
}

// publish adds the module in dir to a proxy, without the modules nested in it.
func publish(t *testing.T, proxy, dir, module, version string) {
	t.Helper()
	to := filepath.Join(proxy, module, "@v")
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	visitFiles(t, dir, func(name string) {
		inside, err := filepath.Rel(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Create(module + "@" + version + "/" + filepath.ToSlash(inside))
		if err == nil {
			_, err = io.WriteString(w, read(t, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}, func(sub string) bool {
		_, err := os.Stat(filepath.Join(sub, "go.mod"))
		return sub == dir || err != nil
	})
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"list": version + "\n", version + ".info": `{"Version":"` + version + `"}`,
		version + ".mod": read(t, filepath.Join(dir, "go.mod")), version + ".zip": b.String(),
	} {
		if err := os.WriteFile(filepath.Join(to, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
