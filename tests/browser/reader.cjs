// node reader.cjs ADDRESS BEACON: sends mail to port 2525 of ADDRESS, and reads of it on the
// pages. BEACON is an address that nothing may be loaded from.
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const { drive, go, look } = require('./browser.cjs');

const [address, beacon] = process.argv.slice(2);
const swaks = (...more) =>
    spawnSync(process.env.SWAKS, ['--server', address, '--port', '2525', '--from', 'you@fabrikam.test', ...more]);

drive(async page => {
    // It comes by itself.
    await go(page, '/');
    await page.getByRole('heading', { name: 'No message yet' }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await look(page, 'first visit');
    await page.keyboard.press('Tab');
    assert.match(await page.evaluate(() => document.activeElement.className), /skip/);
    swaks('--to', 'alice@contoso.test', '--header', 'Subject: hello', '--body', 'The first message.');
    await page.getByRole('link', { name: 'hello' }).waitFor();
    swaks('--to', 'alice@contoso.test', '--header', 'Subject: and another');
    await page.getByRole('link', { name: 'and another' }).waitFor();
    await look(page, 'inbox');

    // It is opened.
    await page.getByRole('link', { name: 'hello' }).click();
    await page.getByText('The first message.').waitFor();
    await look(page, 'message');
    for (const view of ['Headers', 'Parts', 'Source']) {
        await page.getByRole('link', { name: view, exact: true }).click();
        await page.getByRole('region', { name: view }).waitFor();
        await look(page, view);
    }

    // What is in it runs and loads nothing.
    const evil = `<h1>Offer</h1><script>alert(1)</script><img src="${beacon}" onerror="alert(2)">
        <link rel="stylesheet" href="${beacon}"><style>h1 { background: url(${beacon}) }</style>
        <iframe src="${beacon}"></iframe><form action="${beacon}"><button>Go</button></form>
        <a href="${beacon}" target="_top">Leave</a><meta http-equiv="refresh" content="0;url=${beacon}">
        <svg onload="alert(3)"></svg><object data="${beacon}"></object><base href="${beacon}">`;
    swaks(
        '--to', 'alice@contoso.test', '--ehlo', 'client.test',
        '--header', 'Subject: <img src=x onerror=alert(4)>',
        '--add-header', 'MIME-Version: 1.0', '--add-header', 'Content-Type: text/html',
        '--body', evil
    );
    await go(page, '/');
    await page.getByRole('link', { name: '<img src=x' }).click();
    const frame = page.frameLocator('iframe.mail');
    await frame.getByRole('heading', { name: 'Offer' }).waitFor();
    await frame.getByRole('button', { name: 'Go' }).click();
    await frame.getByText('Leave').click();
    await frame.getByRole('heading', { name: 'Offer' }).waitFor();
    assert.strictEqual(await frame.getByText('Leave').getAttribute('title'), beacon);
    assert.match(page.url(), /\/messages\//);
    await look(page, 'hostile message');

    // One long word crushes no other column, and nothing is hidden on a small screen.
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}@${'c'.repeat(60)}.test`;
    spawnSync(process.env.SWAKS, ['--server', address, '--port', '2525', '--from', long, '--to', 'alice@contoso.test']);
    await go(page, '/');
    const heading = page.getByRole('columnheader', { name: 'Connector' });
    assert.ok((await heading.boundingBox()).width > 100);
    await look(page, 'long sender');
    await page.setViewportSize({ width: 390, height: 800 });
    assert.ok(await page.getByRole('row').filter({ hasText: 'hello' }).getByText('Default Frontend').isVisible());
    await page.setViewportSize({ width: 1280, height: 300 });

    // Who reads further down is not disturbed.
    await page.getByText('Live', { exact: true }).waitFor();
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    const rows = await page.getByRole('row').count();
    swaks('--to', 'alice@contoso.test', '--header', 'Subject: while reading');
    const held = page.getByRole('button', { name: '1 new: show' });
    await held.waitFor();
    assert.strictEqual(await page.getByRole('row').count(), rows);
    await held.click();
    await page.getByRole('link', { name: 'while reading' }).waitFor();
    assert.strictEqual(await held.count(), 0);
    await page.setViewportSize({ width: 1280, height: 800 });

    // The map is asked.
    await page.getByRole('link', { name: 'Map' }).click();
    await look(page, 'map');
    await page.getByLabel('Source address').fill('10.0.0.12');
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.getByText('meets EX01\\App relay').first().waitFor();
    assert.ok(await page.getByRole('img', { name: 'Which connector of EX01' }).isVisible());
    await look(page, 'answer of the map');

    // A refusal says why.
    await page.getByRole('link', { name: 'Sessions' }).click();
    await page.getByText('Live', { exact: true }).waitFor();
    swaks('--to', 'somebody@elsewhere.example');
    const refused = page.getByRole('row').filter({ hasText: '550 5.7.54' });
    await refused.getByRole('link').first().click();
    await page.getByText('Refused because').waitFor();
    await page.getByText('is in no accepted domain').waitFor();
    await page.getByText('To mend it:').waitFor();
    await look(page, 'refused session');

    // A rule is made, bites, and goes.
    await page.getByRole('link', { name: 'Rules' }).click();
    await look(page, 'no rules');
    await page.getByRole('button', { name: 'Add the rule' }).click();
    await page.getByRole('alert').waitFor();
    await look(page, 'wrong rule');
    await page.getByLabel('Name').fill('no more');
    await page.getByLabel('Stage').selectOption('mail');
    await page.getByLabel('Reply', { exact: true }).fill('452 4.3.1 Insufficient system resources');
    await page.getByRole('button', { name: 'Add the rule' }).click();
    await page.getByRole('row', { name: /no more/ }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    const told = swaks('--to', 'alice@contoso.test').stdout.toString();
    assert.match(told, /452 4\.3\.1 Insufficient system resources/);
    await page.getByRole('row', { name: /no more/ }).getByRole('cell', { name: '1', exact: true }).waitFor();
    await look(page, 'rules');
    const rule = page.getByRole('row', { name: /no more/ });
    await rule.getByText('Remove', { exact: true }).click();
    await look(page, 'a rule that may go');
    await page.getByRole('button', { name: 'Remove the rule' }).click();
    await page.getByText('There are no rules').waitFor();
    assert.match(swaks('--to', 'alice@contoso.test').stdout.toString(), /250 2\.6\.0/);

    // The others.
    swaks('--to', 'alice@contoso.test', '--auth', 'LOGIN', '--auth-user', 'alice', '--auth-password', 'wrong');
    for (const path of ['/sessions', '/connectors', '/connectors/App%20relay', '/events', '/log', '/accounts', '/api']) {
        await go(page, path);
        await look(page, path);
    }
    await go(page, '/events');
    await page.getByRole('link', { name: '1035' }).first().click();
    await page.getByText('Log Name:      Application').waitFor();
    await look(page, 'event');
    await go(page, '/');
    await page.getByText('Delete all', { exact: true }).click();
    await page.getByRole('button', { name: 'Delete all messages' }).click();
    await page.getByRole('heading', { name: 'No message yet' }).waitFor();
}, new URL(beacon).host);
