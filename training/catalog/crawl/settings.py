"""Scrapy's settings for a profile."""

from collections.abc import Sequence
from typing import Any, Final

from catalog.crawl.addresses import ALLOWED_SETTING
from catalog.crawl.profile import Profile

AGENT: Final = "RecomposeCatalog"
VERSION: Final = "0.1"
_MIDDLEWARES: Final = "scrapy.downloadermiddlewares"
_LONGEST_DELAY_S: Final = 60.0


def scrapy_settings(profile: Profile, contact: str, allowed: Sequence[str]) -> dict[str, Any]:
    """Settings; whatever opens a port, keeps cookies or takes a detour is off."""
    pace, limits = profile.pace, profile.limits
    return {
        "BOT_NAME": AGENT,
        "USER_AGENT": f"{AGENT}/{VERSION} (+{contact})",
        "DEFAULT_REQUEST_HEADERS": {"Accept": "text/html,application/xhtml+xml,*/*;q=0.5"},
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": AGENT,
        "DOWNLOADER_MIDDLEWARES": {
            f"{_MIDDLEWARES}.offsite.OffsiteMiddleware": None,
            f"{_MIDDLEWARES}.robotstxt.RobotsTxtMiddleware": None,
            f"{_MIDDLEWARES}.httpcache.HttpCacheMiddleware": None,
            "catalog.crawl.hosts.HostsOnly": 50,
            "catalog.crawl.robots.StrictRobots": 100,
            "catalog.crawl.kept.Journalled": 900,
        },
        "EXTENSIONS": {
            "scrapy.extensions.throttle.AutoThrottle": None,
            "catalog.crawl.pace.Pace": 0,
        },
        "AUTOTHROTTLE_ENABLED": True,
        "AUTOTHROTTLE_START_DELAY": pace.delay_s,
        "AUTOTHROTTLE_MAX_DELAY": max(pace.delay_s, _LONGEST_DELAY_S),
        "AUTOTHROTTLE_TARGET_CONCURRENCY": float(pace.concurrency),
        "DOWNLOAD_DELAY": pace.delay_s,
        "DOWNLOAD_DELAY_JITTER": 0,
        "CONCURRENT_REQUESTS_PER_DOMAIN": pace.concurrency,
        # Two hosts at once, pages and pictures; what waits in a queue is little.
        "CONCURRENT_REQUESTS": 2 * pace.concurrency,
        "DOWNLOAD_TIMEOUT": pace.timeout_s,
        "DOWNLOAD_MAXSIZE": limits.page_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "DOWNLOAD_HANDLERS": dict.fromkeys(("data", "file", "ftp", "s3")),
        "RETRY_TIMES": pace.retries,
        "REDIRECT_MAX_TIMES": 5,
        "METAREFRESH_ENABLED": False,
        "DEPTH_LIMIT": limits.depth,
        # Its jar asks the list of public suffixes over the network, and a session is not polite.
        "COOKIES_ENABLED": False,
        # A proxy would resolve names by itself, past the check of addresses.
        "HTTPPROXY_ENABLED": False,
        "TWISTED_DNS_RESOLVER": "catalog.crawl.addresses.PublicResolver",
        ALLOWED_SETTING: list(allowed),
        "LOG_INSTALL_ROOT_HANDLER": False,
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "MEMUSAGE_ENABLED": False,
    }
