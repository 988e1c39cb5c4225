"""Settings and secrets as people's editors and shells write them: byte order marks, other encodings, `~`."""

from pathlib import Path

import pytest

from config.errors import InvalidSettings
from config.settings import read_environment, read_settings
from sync_service.config_file.read.secret_refs import resolve


def test_an_env_file_that_is_not_utf_8_is_named_with_its_line(bare_environment: Path) -> None:
    """In place of a traceback, and without the line's text, which may be a secret."""
    (bare_environment / ".env").write_bytes(b"PORT=1000\nSMTP_URL=smtp://u:p\xe4ss@h\n")
    with pytest.raises(InvalidSettings, match="line 2: is not UTF-8") as refused:
        read_settings()
    assert "smtp" not in str(refused.value)


def test_a_byte_order_mark_is_no_part_of_the_first_name(bare_environment: Path) -> None:
    """Windows' editors write one."""
    (bare_environment / ".env").write_bytes("\ufeffPORT=1000\n".encode())
    assert read_environment()["PORT"] == "1000"
    assert read_settings().port == 1000


@pytest.mark.parametrize("written", ["sesame\n", "\ufeffsesame", " sesame\r\n"])
def test_what_surrounds_a_secret_is_no_part_of_it(bare_environment: Path, written: str) -> None:
    """By `env:` and by `file:`: a trailing newline or a byte order mark made every signature wrong."""
    (bare_environment / "secret").write_text(written, encoding="utf-8", newline="")
    environment = {"SECRET": written}
    assert resolve("env:SECRET", environment=environment, beside=bare_environment) == "sesame"
    assert resolve("file:secret", environment=environment, beside=bare_environment) == "sesame"


def test_a_tilde_is_the_home_directory(bare_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a `.env` no shell expands it."""
    monkeypatch.setenv("HOME", str(bare_environment / "home"))
    (bare_environment / "home").mkdir()
    (bare_environment / "home" / "secret").write_text("sesame")
    assert resolve("file:~/secret", environment={}, beside=bare_environment) == "sesame"
    monkeypatch.setenv("OKR_SYNC_DATA_DIR", "~/okr")
    assert read_settings().data_dir == bare_environment / "home" / "okr"
