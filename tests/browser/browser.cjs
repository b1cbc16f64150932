// What the scripts share: a browser that reports whatever a page should not do.
const assert = require('node:assert');
const fs = require('node:fs');
const { chromium } = require('playwright-core');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const base = process.env.PAGES;

// Runs `script` with a page, and fails if the page broke a rule meanwhile. What the HTML of a
// message tries is refused in its frame, as it should be: that tells of `elsewhere`, or the frame.
exports.drive = async (script, elsewhere = 'nowhere') => {
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM,
        args: [
            '--no-sandbox',
            '--disable-gpu',
            '--disable-quic',
            '--no-first-run',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync'
        ]
    });
    const broken = [];
    try {
        const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
        context.setDefaultTimeout(15000);
        const page = await context.newPage();
        page.on('pageerror', error => broken.push(`script: ${error.message}`));
        page.on('dialog', dialog => broken.push(`dialog: ${dialog.message()}`));
        page.on('console', message => {
            const about = `${message.text()} ${message.location().url}`;
            const framed = /\/messages\/[^/]+\/html\b/.test(about) || about.includes(elsewhere);
            const answered = /status of (401|403|422)/.test(about);
            if (message.type() === 'error' && !framed && !answered) {
                broken.push(`console: ${message.text()}`);
            }
        });
        page.on('request', request => {
            if (!/^(data:|blob:)/.test(request.url()) && !request.url().startsWith(base)) {
                if (request.frame() === page.mainFrame()) broken.push(`loads ${request.url()}`);
            }
        });
        await script(page);
        assert.deepStrictEqual(broken, []);
    } catch (error) {
        console.error(error);
        console.error(broken.join('\n'));
        process.exitCode = 1;
    } finally {
        await browser.close();
    }
};

exports.go = (page, path) => page.goto(base + path);

// Looks at the page in both colour schemes and at both widths. The policy allows no evaluation,
// so axe comes in by the debugger's door.
exports.look = async (page, what) => {
    const debug = await page.context().newCDPSession(page);
    for (const colorScheme of ['light', 'dark']) {
        for (const width of [1280, 390]) {
            await page.emulateMedia({ colorScheme });
            await page.setViewportSize({ width, height: 800 });
            const over = await page.evaluate(
                () => document.documentElement.scrollWidth - document.documentElement.clientWidth
            );
            assert.ok(over <= 0, `${what} at ${width} is ${over} pixels too wide`);
            await debug.send('Runtime.evaluate', { expression: axe });
            const { violations } = await page.evaluate(() => axe.run(document, { iframes: false }));
            const grave = violations.filter(found => ['serious', 'critical'].includes(found.impact));
            const told = grave.map(found => `${found.id}: ${found.nodes.map(node => node.html).join(' ')}`);
            assert.deepStrictEqual(told, [], `${what}, ${colorScheme}, ${width}`);
        }
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1280, height: 800 });
    await debug.detach();
};
