<?php
/** A shop: a guest's cart is in the session, and joins what mayfly keeps of the account at the log-in. */
declare(strict_types=1);

require __DIR__ . '/../php-sessions/MayflySessions.php';
$sessions = MayflySessions::register(getenv('MAYFLY_URL'), getenv('MAYFLY_KEY'));
session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax', 'cookie_secure' => ($_SERVER['HTTPS'] ?? '') !== '']);

const GOODS = ['lamp' => 'A quiet green lamp', 'tea' => 'Tea from the hills', 'kite' => 'A kite for strong winds'];
$user = $_SERVER['REMOTE_USER'] ?? ''; // of the gate; empty for a guest
$account = $_SERVER['MAYFLY_ID'] ?? '';
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);

/** Changes what mayfly keeps of whoever is logged in: ['cart' => [item => count], 'orders' => [...], 'joined' => [...]]. */
function keep(callable $change): array
{
    return $GLOBALS['sessions']->changeAccount($GLOBALS['account'], $change);
}

function put(array $cart, string $item, int $count): array
{
    return [$item => ($cart[$item] ?? 0) + $count] + $cart;
}

function show(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES);
}

/** What a guest has in the cart joins what the account has, once, however often this is tried. */
if ($account !== '' && isset($_SESSION['cart'])) {
    [$name, $cart] = [$_SESSION['name'], $_SESSION['cart']];
    keep(function (array $mine) use ($name, $cart): array {
        if (!in_array($name, $mine['joined'] ?? [], true)) {
            $mine['joined'] = array_slice([...$mine['joined'] ?? [], $name], -20);
            foreach ($cart as $item => $count) {
                $mine['cart'] = put($mine['cart'] ?? [], $item, $count);
            }
        }
        return $mine;
    });
    unset($_SESSION['cart'], $_SESSION['name']);
    session_regenerate_id(true);
}

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $item = (string) ($_POST['item'] ?? '');
    if ($path === '/order' && $account !== '') {
        keep(function (array $mine): array {
            if (!empty($mine['cart'])) {
                $mine['orders'] = array_slice([...$mine['orders'] ?? [], $mine['cart']], -10);
                unset($mine['cart']);
            }
            return $mine;
        });
        $_SESSION['said'] = 'Thank you. It is on its way.';
    } elseif ($path === '/cart' && isset(GOODS[$item]) && $account !== '') {
        keep(fn (array $mine): array => ['cart' => put($mine['cart'] ?? [], $item, 1)] + $mine);
    } elseif ($path === '/cart' && isset(GOODS[$item])) {
        $_SESSION['name'] ??= bin2hex(random_bytes(8));
        $_SESSION['cart'] = put($_SESSION['cart'] ?? [], $item, 1);
    }
    header('Location: ' . ($path === '/order' ? '/order' : '/'), true, 303);
    exit;
}
$mine = $account !== '' ? keep(fn (array $mine): array => $mine) : $_SESSION;
[$cart, $orders, $said] = [$mine['cart'] ?? [], $mine['orders'] ?? [], $_SESSION['said'] ?? ''];
unset($_SESSION['said']);
session_write_close();
header('Cache-Control: private, no-cache');
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop</title>
<link rel="stylesheet" href="/style.css">
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<strong>Shop</strong>
<nav><a href="/">Goods</a> <a href="/order">Cart (<?= array_sum($cart) ?>)</a> <a href="<?= show(getenv('MAYFLY_HOME')) ?>/account">Account</a> <?php if ($account !== ''): ?><a href="/mayfly/logout">Log out</a><?php else: ?><a href="/mayfly/login?back=/">Log in</a><?php endif ?></nav>
</header>
<main id="main">
<?php if ($said !== ''): ?>
<p class="note" role="status"><?= show($said) ?></p>
<?php endif ?>
<?php if ($path === '/order'): ?>
<h1>Your cart</h1>
<ul class="rows">
<?php foreach ($cart as $item => $count): ?>
<li><?= show(GOODS[$item] ?? (string) $item) ?> <span><?= $count ?></span></li>
<?php endforeach ?>
</ul>
<?php if ($cart): ?>
<form method="post" action="/order"><button>Order</button></form>
<?php else: ?>
<p>It is empty.</p>
<?php endif ?>
<p>Orders so far: <?= count($orders) ?></p>
<?php else: ?>
<h1>Goods</h1>
<ul class="rows">
<?php foreach (GOODS as $item => $title): ?>
<li><?= show($title) ?> <form method="post" action="/cart"><input type="hidden" name="item" value="<?= $item ?>"><button aria-label="Into the cart: <?= show($title) ?>">Into the cart</button></form></li>
<?php endforeach ?>
</ul>
<p>To <a href="/order">order</a> one has to log in. The cart comes along.</p>
<?php endif ?>
</main>
<footer><p><?= $user === '' ? 'You are a guest.' : 'You are <strong>' . show($user) . '</strong>.' ?> An example of mayfly's: examples/php</p></footer>
</html>
