"""Component files: good ones are read whole, bad ones refused in one line with file, key and expectation."""

from importlib import resources
from pathlib import Path

import pytest

from flexcore.errors import SettingsError
from flexcore.load.component import Cable, Transformer
from flexcore.load.conductor import resistance_ohm_per_m
from flexcore.load.reading import MAX_FILE_BYTES, parse_component, read_component
from flexcore.load.tables import conductor_table, cooling_table, thermal_model
from support.load import CABLE, DRY, TRANSFORMER, cable, transformer

EXAMPLES = sorted(Path(str(resources.files("flexcore.load") / "examples")).glob("*.toml"))


def test_a_transformer_is_read_whole() -> None:
    t = transformer(("cooling =", "neutral_a = 500\ncooling ="))
    assert t.rated_a == pytest.approx(400e3 / (3**0.5 * 400))
    assert t.neutral_a == 500
    model = thermal_model(t)
    assert (model.delta_theta_or_k, model.delta_theta_hr_k, model.loss_ratio) == (55.0, 23.0, 5.0)
    assert model.hot_spot_c == {"rated": 98.0, "normal": 120.0, "long": 140.0, "short": 160.0}


def test_the_file_knows_better_than_the_guide() -> None:
    own = (
        "[thermal]\ntau_oil_min = 111.0\nloss_ratio = 8\nenclosure_k = 7\n[limits]\nhot_spot_normal_c = 115\n"
    )
    model = thermal_model(transformer(("[losses]", own + "[losses]")))
    assert (model.tau_oil_min, model.loss_ratio, model.delta_theta_or_k) == (111.0, 8.0, 62.0)
    assert model.hot_spot_c["normal"] == 115.0


def test_the_measured_side_gives_the_rated_current() -> None:
    assert transformer(("lv_v = 400", 'lv_v = 400\nmeasured_side = "hv"')).rated_a == pytest.approx(
        23.094, abs=1e-3
    )
    assert transformer(("lv_v = 400", "lv_v = 400\nlv_a = 580")).rated_a == 580


def test_a_dry_transformer_has_the_rise_of_its_class() -> None:
    model = thermal_model(transformer(text=DRY))
    assert model.dry
    assert model.delta_theta_hr_k == 125.0
    assert model.hot_spot_c == {"rated": 145.0, "normal": 145.0, "long": 180.0, "short": 180.0}


def test_upgraded_paper_has_its_own_rated_hot_spot() -> None:
    upgraded = transformer(("cooling =", 'paper = "upgraded"\ncooling ='))
    assert thermal_model(upgraded).hot_spot_c["rated"] == 110.0


def test_every_row_of_the_cooling_table_is_complete() -> None:
    for cooling in cooling_table().liquid:
        model = thermal_model(transformer(("onan-distribution", cooling)))
        assert model.slowest_min > 0.0
    for insulation_class in cooling_table().dry.hot_spot_rated_c:
        assert thermal_model(transformer(("155", insulation_class), text=DRY)).hot_spot_c["rated"] > 90.0


def test_resistances_fall_with_the_section_and_follow_the_metal() -> None:
    """IEC 60228's values lie a little above resistivity over section."""
    for metal, ohm_mm2_per_km in (("cu", 17.241), ("al", 28.264)):
        rows = conductor_table()[metal].ohm_per_km
        values = list(rows.values())
        assert values == sorted(values, reverse=True)
        for section, ohm in rows.items():
            assert 1.0 < ohm * float(section) / ohm_mm2_per_km < 1.14, (metal, section)


def test_resistance_at_temperature() -> None:
    assert resistance_ohm_per_m(cable()) == pytest.approx(0.206e-3 * (1 + 0.00403 * 70))
    assert resistance_ohm_per_m(cable(("rated_a", "ohm_per_km = 0.3\nrated_a"))) == pytest.approx(
        0.3e-3 * (1 + 0.00403 * 70)
    )


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda f: f.stem)
def test_examples_are_typical_and_say_so(file: Path) -> None:
    component = read_component(file)
    assert component.source == "typical"
    assert "TYPICAL" in file.read_text(encoding="utf-8")
    assert component.rated_a > 100.0


def test_there_is_an_example_of_each_kind() -> None:
    kinds = [type(read_component(file)) for file in EXAMPLES]
    assert kinds.count(Transformer) == 2
    assert kinds.count(Cable) == 2


BAD_TRANSFORMER = [
    ('kind = "transformer"', "", "(file)", "missing required field kind"),
    ('kind = "transformer"', 'kind = "motor"', "kind", "invalid value"),
    ("rated_kva = 400", 'rated_kva = "400"', "rated_kva", "expected float"),
    ("rated_kva = 400", "rated_kva = nan", "rated_kva", "expected"),
    ("rated_kva = 400", "rated_kva = inf", "rated_kva", "<= 1000000"),
    ("rated_kva = 400", "rated_kva = 0", "rated_kva", "> 0"),
    ("rated_kva = 400", "", "(file)", "missing required field rated_kva"),
    ("rated_kva = 400", "rated_kva = 400\ncolour = 1", "(file)", "unknown field colour"),
    ("lv_v = 400", "lv_v = 20000", "lv_v", "expected at most hv_v, 10000 V, got 20000"),
    ("lv_v = 400", "lv_v = 400\nlv_a = 100", "lv_a", "expected about 577.4 A"),
    ("lv_v = 400", "lv_v = 400\nhv_a = 577", "hv_a", "expected about 23.1 A"),
    ("lv_v = 400", 'lv_v = 400\nmeasured_side = "hv"\nneutral_a = 5', "neutral_a", "expected none"),
    ("onan-distribution", "steam", "cooling", "invalid enum value"),
    ("onan-distribution", "an", "insulation_class", "expected the class"),
    ("lv_v = 400", "lv_v = 400\ninsulation_class = 155", "insulation_class", "expected only with cooling"),
    ("eddy_percent = 10.0", "", "losses.eddy_percent", "or k_rating"),
    ("eddy_percent = 10.0", "eddy_percent = -1", "losses.eddy_percent", ">= 0"),
    ("eddy_percent = 10.0", "k_rating = 0.5", "losses.k_rating", ">= 1"),
    ("no_load_w = 800", "no_load_w = 0", "losses.no_load_w", "> 0"),
    ("[losses]", "[thermal]\ntau_oil_min = 0\n[losses]", "thermal.tau_oil_min", "> 0"),
    ("[losses]", "[thermal]\nk21 = 0.5\n[losses]", "thermal.k21", ">= 1"),
    ("[losses]", "[thermal]\nassumed_ambient_c = 99\n[losses]", "thermal.assumed_ambient_c", "less than"),
    ("[losses]", "[limits]\nhot_spot_normal_c = 90\n[losses]", "limits", "rated <= normal <= long <= short"),
    ("[losses]", "[losses", "(file)", "expected TOML"),
    ("rated_kva = 400", f"rated_kva = {'9' * 5000}", "(file)", "at most 4300 digits"),
    ("rated_kva = 400", f"rated_kva = {'[' * 5000}{']' * 5000}", "(file)", "not nested so deeply"),
]

BAD_DRY = [
    ("tau_winding_min = 45.0", "", "thermal.tau_winding_min", "expected the winding's time constant"),
    ("[thermal]", "[thermal]\nk11 = 1.0", "thermal.k11", "expected only where there is oil"),
    ("[thermal]", "[thermal]\nenclosure_k = 1.0", "thermal.enclosure_k", "expected only where there is oil"),
    (
        "[thermal]",
        "[limits]\ntop_oil_long_c = 99.0\n[thermal]",
        "limits.top_oil_long_c",
        "where there is oil",
    ),
    ("insulation_class = 155", "insulation_class = 156", "insulation_class", "invalid enum value 156"),
]

BAD_CABLE = [
    ('conductor = "al"', 'conductor = "gold"', "conductor", "invalid enum value"),
    ("cross_section_mm2 = 150", "cross_section_mm2 = 151", "ohm_per_km", "none of 16, 25"),
    ("rated_a = 250", "rated_a = 0", "rated_a", "> 0"),
    ("rated_ambient_c = 15", "rated_ambient_c = 80\nmax_conductor_c = 80", "(file)", "expected TOML"),
    ("rated_ambient_c = 15", f"rated_ambient_c = {'9' * 400}", "(file)", "expected numbers up to 1e308"),
    ("max_conductor_c = 90", "max_conductor_c = 40", "max_conductor_c", "expected more than rated_ambient_c"),
    ("tau_min = 40", "diameter_mm = 14", "spacing_mm", "together, or neither"),
    ("tau_min = 40", "diameter_mm = 14\nspacing_mm = 13", "spacing_mm", "at least diameter_mm"),
    ("tau_min = 40", "tau_min = -1", "tau_min", "> 0"),
    ("neutral_mm2 = 150", "neutral_rated_a = 150", "neutral_rated_a", "only with neutral_mm2"),
    ("neutral_mm2 = 150", "loaded_conductors = 4", "loaded_conductors", "without neutral_mm2"),
    ("neutral_mm2 = 150", "loaded_conductors = 5", "loaded_conductors", "invalid enum value 5"),
]

BAD = (
    [(TRANSFORMER, *row) for row in BAD_TRANSFORMER]
    + [(DRY, *row) for row in BAD_DRY]
    + [
        (
            CABLE.replace("rated_ambient_c = 15", "rated_ambient_c = 60") if "= 40" in new else CABLE,
            old,
            new,
            *rest,
        )
        for old, new, *rest in BAD_CABLE
    ]
)


@pytest.mark.parametrize(("text", "old", "new", "key", "expected"), BAD, ids=lambda text: text[:24].strip())
def test_a_bad_file_is_refused_in_one_line(
    text: str, old: str, new: str, key: str, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "component.toml"
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_component(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: {key}: ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (MAX_FILE_BYTES + 1)], ids=["bytes", "huge"])
def test_what_is_no_text_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "component.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="expected"):
        read_component(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected a readable file"):
        read_component(tmp_path / "none.toml")


def test_an_error_without_a_file_names_the_kind_of_file() -> None:
    with pytest.raises(SettingsError, match=r"^component\.toml: \(file\): "):
        parse_component("")
