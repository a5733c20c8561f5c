package smtpmail_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/smtpmail"
)

// writtenTo puts the German templates into a folder, below a path.
func writtenTo(t *testing.T, folder string) {
	t.Helper()
	for name, f := range german() {
		put(t, filepath.Join(folder, name), string(f.Data))
	}
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

// compose returns the subject of a German code with the templates.
func compose(templates fs.FS) (string, error) {
	c, err := smtpmail.NewComposer(smtpmail.Config{Service: "Example", Templates: templates, Now: func() time.Time { return now }})
	if err != nil {
		return "", err
	}
	m := code()
	m.Locale = "de"
	subject, _, _, err := c.Compose(m)
	return subject, err
}

// TestFolders reads folders as systems and editors leave them.
func TestFolders(t *testing.T) {
	for name, make := range map[string]func(dir string){
		"a volume of Kubernetes, folders": func(dir string) {
			writtenTo(t, dir+"/..2030_01_02_03_04_05.1")
			writtenTo(t, dir+"/..2029_01_02_03_04_05.1")
			link(t, "..2030_01_02_03_04_05.1", dir+"/..data")
			link(t, "..data/de", dir+"/de")
		},
		"a volume of Kubernetes, one for each locale": func(dir string) {
			writtenTo(t, dir+"/de/..2030_01_02_03_04_05.1")
			link(t, "..2030_01_02_03_04_05.1", dir+"/de/..data")
			for file := range german() {
				link(t, "..data/"+file, dir+"/"+file)
			}
		},
		"a link to a folder elsewhere": func(dir string) {
			elsewhere := t.TempDir()
			writtenTo(t, elsewhere)
			link(t, elsewhere+"/de", dir+"/de")
		},
		"what editors and systems leave": func(dir string) {
			writtenTo(t, dir)
			for _, file := range []string{
				".DS_Store", "de/.DS_Store", "de/._code.txt", ".git/HEAD", "de/.code.txt.swp", "de/code.txt~", "de/#code.txt#", "de/Thumbs.db",
				"desktop.ini", "lost+found/1", "__MACOSX/de/code.txt",
			} {
				put(t, dir+"/"+file, "\x00")
			}
			link(t, "nobody@nowhere.1", dir+"/de/.#code.txt")
		},
		"an empty folder": func(dir string) {
			writtenTo(t, dir)
			if err := os.Mkdir(dir+"/fr", 0o755); err != nil {
				t.Fatal(err)
			}
		},
	} {
		dir := t.TempDir()
		make(dir)
		if subject, err := compose(os.DirFS(dir)); err != nil || subject != "Dein Code für Example" {
			t.Errorf("%s: %q, %v", name, subject, err)
		}
	}
}

// TestFoldersRefused: what may be a template that nobody would miss at once, or
// cannot be read to its end.
func TestFoldersRefused(t *testing.T) {
	for says, make := range map[string]func(dir string){
		"de/code.txt.bak: want":                func(dir string) { put(t, dir+"/de/code.txt.bak", "x") },
		"fr/code.txt":                          func(dir string) { link(t, "nowhere", dir+"/fr/code.txt") },
		"fr/code.txt: larger than 65536 bytes": func(dir string) { put(t, dir+"/fr/code.txt", strings.Repeat("x", 64<<10+1)) },
		"fr/fr/fr: want LOCALE/KIND.PART":      func(dir string) { link(t, ".", dir+"/fr/fr") },
		"fr/code.txt: not in UTF-8":            func(dir string) { put(t, dir+"/fr/code.txt", "\xff\xfeC\x00o\x00") },
	} {
		dir := t.TempDir()
		writtenTo(t, dir)
		if err := os.Mkdir(dir+"/fr", 0o755); err != nil {
			t.Fatal(err)
		}
		make(dir)
		if _, err := compose(os.DirFS(dir)); err == nil || !strings.Contains(err.Error(), "Config.Templates: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("want an error with %q, got %v", says, err)
		}
	}
}

// TestNotAFile: New must not wait for who writes to a pipe.
func TestNotAFile(t *testing.T) {
	templates := german()
	templates["fr/code.txt"] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	if _, err := compose(templates); err == nil || !strings.Contains(err.Error(), "Config.Templates: fr/code.txt: not a file") {
		t.Error(err)
	}
}

// TestByteOrderMark: no part of a mail begins with one.
func TestByteOrderMark(t *testing.T) {
	templates := german()
	for _, f := range templates {
		f.Data = append([]byte("\ufeff"), f.Data...)
	}
	m := code()
	m.Locale = "de"
	subject, text, html := mailed(t, templates, m)
	if !strings.HasPrefix(subject, "Dein") || !strings.HasPrefix(text, "Dein") || !strings.HasPrefix(html, "<p>") {
		t.Errorf("%q, %q, %q", subject, text, html)
	}
}

// TestZone: times are in the zone that is asked for, and the end of a lock has
// its day there.
func TestZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	locked := authn.Message{Kind: authn.LockedMessage, To: "ada@example.com", Until: time.Date(2030, 1, 2, 23, 30, 0, 0, time.UTC)}
	summer := locked
	summer.Until = time.Date(2030, 7, 2, 22, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		zone *time.Location
		m    authn.Message
		want string
	}{
		{nil, locked, "until 23:30 UTC on 2 January 2030."},
		{time.UTC, locked, "until 23:30 UTC on 2 January 2030."},
		{berlin, locked, "until 00:30 CET on 3 January 2030."},
		{berlin, summer, "until 00:30 CEST on 3 July 2030."},
		{nil, code(), "until 03:09 UTC:"},
		{berlin, code(), "until 04:09 CET:"},
		{time.FixedZone("", -3*3600), code(), "until 00:09 -0300:"},
	} {
		w, err := smtpmail.NewComposer(smtpmail.Config{Service: "Example", Zone: c.zone, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		_, text, html, err := w.Compose(c.m)
		html = strings.NewReplacer("<strong>", "", "</strong>", "").Replace(html)
		if err != nil || !strings.Contains(text, c.want) || !strings.Contains(html, c.want) {
			t.Errorf("%v: want %q in\n%s\n%s\n%v", c.zone, c.want, text, html, err)
		}
	}
	w, err := smtpmail.NewComposer(smtpmail.Config{Service: "Example", Zone: berlin, Templates: fstest.MapFS{
		"default/account_locked.subject": {Data: []byte("locked")},
		"default/account_locked.html":    {Data: []byte("locked")},
		"default/account_locked.txt":     {Data: []byte("{{.Until.Format \"2 Jan 15:04\"}}")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, text, _, err := w.Compose(locked); err != nil || text != "3 Jan 00:30" {
		t.Errorf("a template of the host: %q, %v", text, err)
	}
}
