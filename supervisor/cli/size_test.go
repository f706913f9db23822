package cli

import (
	"testing"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"512M": {Bytes: 512 << 20}, "512MiB": {Bytes: 512 << 20}, "512Mi": {Bytes: 512 << 20},
		"512m": {Bytes: 512 << 20}, "512MB": {Bytes: 512 << 20}, "512 MiB": {Bytes: 512 << 20},
		"1.5GiB": {Bytes: 3 << 29}, "0.5k": {Bytes: 512}, "1024": {Bytes: 1024}, "7b": {Bytes: 7},
		" 2Ki ": {Bytes: 2048}, "1TiB": {Bytes: 1 << 40}, "8191P": {Bytes: 8191 << 50},
		"40%": {Share: 40}, "12.5 %": {Share: 12.5}, "100%": {Share: 100},
	} {
		if got, err := ParseSize(text); got != want || err != nil {
			t.Errorf("ParseSize(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseSizeErrors(t *testing.T) {
	const not = " is not a size (want 512MiB, 2GiB or 40%)"
	const share = " is not a share of the container's limit (want more than 0% and at most 100%)"
	for text, want := range map[string]string{
		"":          `""` + not,
		"lots":      `"lots"` + not,
		"512i":      `"512i"` + not,
		"512Mii":    `"512Mii"` + not,
		"512X":      `"512X"` + not,
		"1e3":       `"1e3"` + not,
		"0x10p1":    `"0x10p1"` + not,
		"Inf":       `"Inf"` + not,
		"1.2.3M":    `"1.2.3M"` + not,
		"MiB":       `"MiB"` + not,
		"1M2":       `"1M2"` + not,
		"-512M":     `"-512M" is negative (want 512MiB, 2GiB or 40%)`,
		"-5%":       `"-5%" is negative (want 512MiB, 2GiB or 40%)`,
		"0":         `"0" is no memory at all (want 512MiB, 2GiB or 40%)`,
		"0MiB":      `"0MiB" is no memory at all (want 512MiB, 2GiB or 40%)`,
		"0.4":       `"0.4" is no memory at all (want 512MiB, 2GiB or 40%)`,
		"8192P":     `"8192P" is too large for a size (want 512MiB, 2GiB or 40%)`,
		"9e99999":   `"9e99999"` + not,
		"0%":        `"0%"` + share,
		"101%":      `"101%"` + share,
		"forty%":    `"forty%"` + not,
		"40%%":      `"40%%"` + not,
		"512МiB":    `"512МiB"` + not, // a Cyrillic letter
		"9999999TB": "",
	} {
		got, err := ParseSize(text)
		if want == "" {
			if err == nil && got.Bytes <= 0 {
				t.Errorf("ParseSize(%q) = %+v", text, got)
			}
		} else if err == nil || err.Error() != want {
			t.Errorf("ParseSize(%q) = %+v, %v\nwant %s", text, got, err, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"512Mi", "40%", "1.5GiB", "-1", "8192P", ".", "1 ", "%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		size, err := ParseSize(s)
		if err != nil {
			if size != (Size{}) {
				t.Errorf("ParseSize(%q) = %+v with error %v", s, size, err)
			}
			return
		}
		if (size.Bytes > 0) == (size.Share > 0) || size.Bytes < 0 || size.Share < 0 || size.Share > 100 {
			t.Errorf("ParseSize(%q) = %+v", s, size)
		}
	})
}
