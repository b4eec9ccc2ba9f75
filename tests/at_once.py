"""Staging races: the same work in many threads at one moment."""

import threading

from django.db import connection


def at_once(work, times):
    """Run `work` in so many threads at the same moment; return what they gave or raised."""
    gate, results = threading.Barrier(times), []

    def run():
        gate.wait(10)
        try:
            results.append(work())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results
