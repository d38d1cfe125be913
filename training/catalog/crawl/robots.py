"""robots.txt as RFC 9309 wants it, where Scrapy is more lenient."""

from scrapy import Request
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from scrapy.utils.httpobj import urlparse_cached
from twisted.internet.defer import Deferred


class Forbidden(IgnoreRequest):
    """robots.txt forbids the address."""


class RobotsUnreachable(IgnoreRequest):
    """There is no telling what robots.txt forbids, so everything is forbidden for now."""


class StrictRobots(RobotsTxtMiddleware):
    """A robots.txt that cannot be read for a fault of server or network forbids all (2.3.1.4)."""

    async def robot_parser(self, request: Request) -> RobotParser | None:
        """The rules of a request's host; None where they cannot be read.

        Of several requests that wait for one robots.txt Scrapy 2.19 hands it to the first alone,
        and None, which allows everything, to the others.
        """
        parser = await super().robot_parser(request)
        if parser is None:
            known = self._parsers[urlparse_cached(request).netloc]
            parser = None if isinstance(known, Deferred) else known
        return parser

    def process_request_2(self, rp: RobotParser | None, request: Request) -> None:
        """Raises `Forbidden` or `RobotsUnreachable`."""
        if rp is None:
            raise RobotsUnreachable("robots.txt cannot be read")
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest as error:
            raise Forbidden(str(error)) from None

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500 or response.status == 429:
            raise RobotsUnreachable(f"robots.txt answered {response.status}")
        if response.status >= 400:
            # There are no rules; an error page must not be taken for some (2.3.1.3).
            response = response.replace(body=b"")
        await super()._parse_robots(response, netloc, request)
