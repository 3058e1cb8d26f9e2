// What a distribution decides for each request and answer, where nginx has no directive for it.

// The rule of a policy, written by origins.py: "all", "none", "whitelist a b", "allExcept a b".
function keeps(rule, name) {
    const words = rule.split(' ');
    const named = words.indexOf(name, 1) > 0;
    return words[0] === 'all' || (words[0] === 'whitelist' && named) || (words[0] === 'allExcept' && !named);
}

function kept(text, separator, rule) {
    if (!text) return '';
    return text.split(separator).filter((pair) => keeps(rule, pair.trim().split('=')[0])).join(separator);
}

// Path and query as the origin gets them.
function target(r) {
    const uri = r.variables.request_uri;
    const mark = uri.indexOf('?');
    const path = mark < 0 ? uri : uri.slice(0, mark);
    const query = mark < 0 ? '' : kept(uri.slice(mark + 1), '&', r.variables.queries);
    return r.variables.prefix + path + (query ? '?' + query : '');
}

function cookies(r) {
    return kept(r.headersIn['Cookie'], ';', r.variables.cookies).trim();
}

// Seconds an answer may be cached.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html
function ttl(r) {
    const v = r.variables;
    const bounds = v.ttls.split(' ').map(Number);
    const stated = lifetime(v);
    const status = Number(v.status);
    if (status >= 400) {
        const least = JSON.parse(v.error_ttls)[status];
        if (least === undefined) return stated > 0 ? Math.min(stated, bounds[2]) : 0;
        return Math.max(least, stated || 0);
    }
    if (stated === undefined) return Math.max(bounds[0], bounds[1]);
    return Math.min(Math.max(stated, bounds[0]), bounds[2]);
}

// What the origin says: seconds, 0 where it forbids caching, undefined where it says nothing.
function lifetime(v) {
    const control = (v.upstream_http_cache_control || '').toLowerCase();
    if (/no-store|no-cache|private/.test(control)) return 0;
    const age = /s-maxage=(\d+)/.exec(control) || /max-age=(\d+)/.exec(control);
    if (age) return Number(age[1]);
    if (v.upstream_http_expires) {
        const until = Date.parse(v.upstream_http_expires);
        return isNaN(until) ? 0 : Math.max(0, Math.floor((until - Date.now()) / 1000));
    }
    return undefined;
}

// What is not cached need not be buffered: events that a server sends reach the viewer at once.
function buffering(r) {
    return ttl(r) > 0 ? 'yes' : 'no';
}

export default { buffering, cookies, target, ttl };
