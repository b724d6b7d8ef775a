"""Clicks of sessions in the formats of four shops."""
# SPDX-License-Identifier: BSD-3-Clause

import json

import pytest

from skace.datasets import load_session_clicks

YOOCHOOSE = (
    "2,2014-04-07T10:54:09.868Z,30,0\n2,2014-04-07T10:51:09.277Z,20,S\n"
    "1,2014-04-01T00:00:00Z,20,0\n"
)
DIGINETICA = (
    "sessionId;userId;itemId;timeframe;eventdate\n"
    "2;NA;30;1031018;2016-05-09\n2;NA;20;526309;2016-05-09\n1;5;20;0;2016-05-08\n"
)
RETAILROCKET = (
    "timestamp,visitorid,event,itemid,transactionid\n"
    "1433221332117,2,view,30,\n1433221332000,2,addtocart,20,\n1433221331000,1,transaction,20,4000\n"
)
OTTO = "\n".join(
    json.dumps({"session": session, "events": events}, separators=(",", ":"))
    for session, events in [
        (
            2,
            [
                {"aid": 30, "ts": 1659304904511, "type": "clicks"},
                {"aid": 20, "ts": 1659304800025, "type": "carts"},
            ],
        ),
        (1, [{"aid": 20, "ts": 1659304800000, "type": "orders"}]),
    ]
)
LOGS = {
    "yoochoose": (YOOCHOOSE, "2014-04-07T10:51:09.277"),
    "yoochoose with a header": (
        "session_id,timestamp,item_id,category\n" + YOOCHOOSE,
        "2014-04-07T10:51:09.277",
    ),
    "Diginetica": (DIGINETICA, "2016-05-09T00:08:46.309"),
    "Diginetica with other names": (
        DIGINETICA.replace("sessionId;userId;itemId", "session_id;user_id;item_id"),
        "2016-05-09T00:08:46.309",
    ),
    "RetailRocket": (RETAILROCKET, "2015-06-02T05:02:12.000"),
    "Otto": (OTTO, "2022-07-31T22:00:00.025"),
}


@pytest.mark.parametrize("log", LOGS)
def test_each_log_is_told_by_its_first_line(tmp_path, log):
    text, moment = LOGS[log]
    (tmp_path / "a").write_text(text)
    bunch = load_session_clicks(tmp_path / "a")
    X = bunch.interactions
    assert X.users.tolist() == [1, 2, 2]
    assert X.items.tolist() == [20, 20, 30]
    assert X.timestamps[1].astype(str) == moment
    assert bunch.DESCR.startswith(log.split()[0])
    assert "ratings" not in bunch


@pytest.mark.parametrize(
    ("log", "kinds", "items"),
    [
        ("RetailRocket", "view", [30]),
        ("RetailRocket", ["transaction", "addtocart"], [20, 20]),
        ("Otto", "carts", [20]),
        ("Otto", ["clicks", "orders"], [20, 30]),
    ],
)
def test_kinds_of_events_are_chosen(tmp_path, log, kinds, items):
    (tmp_path / "a").write_text(LOGS[log][0])
    assert load_session_clicks(tmp_path / "a", kinds=kinds).interactions.items.tolist() == items


def test_the_time_is_cut_at_its_borders(tmp_path):
    (tmp_path / "a").write_text(DIGINETICA)
    X = load_session_clicks(tmp_path / "a", start="2016-05-09", end="2016-05-09T00:10").interactions
    assert X.items.tolist() == [20]


def test_parts_are_of_one_log(tmp_path):
    for name, text in (("a", OTTO), ("b", YOOCHOOSE), ("c", YOOCHOOSE.replace("30", "40"))):
        (tmp_path / name).write_text(text)
    bunch = load_session_clicks([tmp_path / "b", tmp_path / "c"], start="2014-04-07T10:54:00")
    assert bunch.interactions.items.tolist() == [30, 40]
    assert bunch.parts.tolist() == [0, 1]
    expected = r"^clicks has parts of Otto sessions and yoochoose clicks; give parts of one log\.$"
    with pytest.raises(ValueError, match=expected):
        load_session_clicks([tmp_path / "a", tmp_path / "b"])


@pytest.mark.parametrize(
    ("text", "given", "finding"),
    [
        ("user,item\n1,2\n", {}, r"a is none of yoochoose-clicks\.dat, .*; it begins with 'user,"),
        (
            OTTO,
            {"kinds": "buys"},
            r"^kinds must be out of 'clicks', 'carts', 'orders', or None for",
        ),
        (OTTO, {"kinds": []}, r"^kinds must be out of"),
        (DIGINETICA, {"kinds": "view"}, r"^kinds must be None for all events of Diginetica sess"),
        (DIGINETICA + "3;NA;1\n", {}, r"a, line 5: 5 fields expected, got 3\.$"),
        (DIGINETICA + "3;NA;1;x;2016-05-09\n", {}, r"a, line 5: not an event: could not convert"),
        (YOOCHOOSE + "3,soon,1,0\n", {}, r"a, line 4: not an event: Invalid isoformat"),
        (
            YOOCHOOSE + "x\n",
            {},
            r"a, line 4: not a click: session, time and item expected, got 'x'",
        ),
        (OTTO + '\n{"session":3}', {}, r"a, line 3: no field 'events' among session; a se"),
        (
            OTTO + '\n{"session":3,"events":7}',
            {},
            r"a, line 3: not a session: 'events' is no list of r",
        ),
        (
            OTTO + '\n{"session":3,"events":[{"aid":1}]}',
            {},
            r"a, line 3: no field 'ts'; an event has it\.$",
        ),
        (OTTO + '\n{"session":3,"events":[4]}', {"kinds": "carts"}, r"a, line 3: not a session"),
    ],
)
def test_what_is_no_such_log_is_refused(tmp_path, text, given, finding):
    (tmp_path / "a").write_text(text)
    with pytest.raises(ValueError, match=finding):
        load_session_clicks(tmp_path / "a", **given)
