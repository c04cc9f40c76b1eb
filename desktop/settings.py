"""The settings, each declared once: name, type, default and what it does. The settings menu, the environment
(`TEBIKI_LIBRARY_FOLDER`, `TEBIKI_THEME`, ...) and the settings file are read through this declaration.

Order of precedence: command line, environment, settings file, default.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    JsonConfigSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from desktop.folders import Folders, default_data, packaged_domains
from index.errors import TebikiError


class SettingsInvalid(TebikiError):
    """The settings file or an environment variable holds a value that is not allowed."""


def settings_file() -> Path:
    """Where the settings are kept (on Linux `$XDG_CONFIG_HOME/tebiki/settings.json`)."""
    return Path(platformdirs.user_config_dir("tebiki", appauthor=False)) / "settings.json"


class Settings(BaseSettings):
    """What a user may choose. Unknown keys of the file are kept out of sight, so that an older version still starts."""

    model_config = SettingsConfigDict(env_prefix="TEBIKI_", extra="ignore")

    library_folder: Path | None = Field(default=None, description="Folder of the library; empty: in the data folder.")
    data_folder: Path | None = Field(default=None, description="Folder for conversations, logs and tuned models.")
    domains_folder: Path | None = Field(
        default=None, description="Folder of the domain packs; empty: the program's own."
    )
    model: str = Field(
        default="auto",
        description='Model that words answers: "auto" (by the language of the question), "starter", "tuned", '
        '"tuned:PACK/ADAPTER" or a GGUF file.',
    )
    base_models: list[Path] = Field(
        default=[], description="Files of base models that tuned models are made from, where they are not in models/."
    )
    language: Literal["system", "en", "ja"] = Field(default="system", description="Language of the window.")
    theme: Literal["system", "light", "dark"] = Field(default="system", description="Colours of the window.")
    threads: int = Field(default=0, ge=0, le=256, description="The model's threads; 0: as measured.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, JsonConfigSettingsSource(settings_cls, json_file=settings_file())

    def folders(self, *, library: Path | None = None, data: Path | None = None) -> Folders:
        """The folders in force; `library` and `data` are what the command line said."""
        data = data or self.data_folder or default_data()
        return Folders(
            library=(library or self.library_folder or data / "library").expanduser().absolute(),
            data=data.expanduser().absolute(),
            domains=self.domains_folder or packaged_domains(),
        )


def load_settings() -> Settings:
    """The settings in force. Raises SettingsInvalid, naming the setting and the mend."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SettingsInvalid(
            f"The setting '{name}' can't be used ({first['msg']}): correct it in {settings_file()} "
            f"or in the environment variable TEBIKI_{name.upper()}."
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsInvalid(f"{settings_file()} can't be read ({error}): correct or delete it.") from error


def save_setting(name: str, value: str | int | Sequence[str] | None) -> None:
    """Write one setting to the file, keeping what else stands there; whole or not at all (written beside and moved)."""
    if name not in Settings.model_fields:
        raise KeyError(name)
    path = settings_file()
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        kept = {}
    kept[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".json.new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(kept, file, ensure_ascii=False, indent=2)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
