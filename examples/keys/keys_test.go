package keys

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	a, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	b, err := Open(file)
	if err != nil || !bytes.Equal(a.Pseudonym, b.Pseudonym) || !bytes.Equal(a.Cookie, b.Cookie) || !bytes.Equal(a.Ring[0].Secret, b.Ring[0].Secret) {
		t.Errorf("read again they differ: %v", err)
	}
	if bytes.Equal(a.Pseudonym, a.Cookie) || len(a.Pseudonym) != 32 {
		t.Error("they are not keys of their own")
	}
	if left, _ := filepath.Glob(filepath.Dir(file) + "/.keys*"); left != nil {
		t.Errorf("left behind: %v", left)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), "0640") {
		t.Errorf("readable by others: %v", err)
	}
	const secret = "c2VjcmV0"
	if err := os.WriteFile(file+"2", []byte(`{"pseudonymKey":"`+secret+`"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file + "2"); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("half a file: %v", err)
	}
	missing := filepath.Join(t.TempDir(), "none")
	if _, err := Read(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading has made a file: %v", err)
	}
	if _, err := Open(filepath.Join(file, "no", "such")); err == nil {
		t.Error("no such folder")
	}
}
