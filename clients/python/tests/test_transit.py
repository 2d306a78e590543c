"""Values survive the way into Python and back."""

import json
import sys
import unittest
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pipewright import NI, URI, Bytes, Time, decode, encode


class Transit(unittest.TestCase):
    def test_what_is_read_is_written_as_it_was(self) -> None:
        values = [
            None, True, 0, -(2**80), 1.5, "", "plain", "~", "~x", "~ftwo", "~unot", "~b***", "~t2024",
            "~f1.50", "~f0E-8", "~f1E+2", "~f12", "~f-0.0",
            "~t2024-02-29T12:00:00Z", "~t2024-01-01T00:00:00.123456789Z", "~t2024-01-01",
            "~u6f9619ff-8b86-d011-b42d-00c04fc964ff", "~u6F9619FF-8B86-D011-B42D-00C04FC964FF",
            "~rhttp://example.org/a", "~:crm:a b", "~:bare", "~bAQI=", "~b",
            ["~f1", {"deep": "~:a:b"}],
        ]
        for value in values:
            self.assertEqual(json.dumps(encode(decode(value))), json.dumps(value))

    def test_values_have_their_types(self) -> None:
        self.assertEqual(decode("~f1.50"), Decimal("1.50"))
        self.assertEqual(decode("~f0E-8"), Decimal(0))
        time = decode("~t2024-01-01T10:00:00.5Z")
        self.assertIsInstance(time, Time)
        self.assertEqual(time, datetime(2024, 1, 1, 10, 0, 0, 500000, timezone.utc))
        self.assertEqual(decode("~bAQI="), b"\x01\x02")
        self.assertEqual(repr(decode("~:a:b")), "NI('a:b')")
        self.assertIsInstance(decode("~rhttp://x"), URI)
        self.assertIsInstance(decode("~u6f9619ff-8b86-d011-b42d-00c04fc964ff"), uuid.UUID)

    def test_values_made_in_python_are_written(self) -> None:
        oslo = timezone(timedelta(hours=1))
        self.assertEqual(encode(datetime(2024, 1, 1, 1, 0, tzinfo=oslo)), "~t2024-01-01T00:00:00Z")
        self.assertEqual(encode(datetime(2024, 1, 1, 0, 0, 0, 120, timezone.utc)), "~t2024-01-01T00:00:00.00012Z")
        self.assertEqual(encode({"a": (1, NI("x:y"))}), {"a": [1, "~:x:y"]})
        self.assertEqual(encode(Bytes(b"\x01\x02")), "~bAQI=")
        self.assertEqual(encode(b"\x01\x02"), "~bAQI=")
        with self.assertRaises(ValueError):
            encode(datetime(2024, 1, 1))
        with self.assertRaises(TypeError):
            encode(object())


if __name__ == "__main__":
    unittest.main()
